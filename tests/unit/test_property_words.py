"""Faults name fields as the page does, in every language."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from domain import faults
from inventory.hardware import FIELDS
from inventory.property_words import PROPERTIES
from inventory.services.clusters import FIELDS as CLUSTER_FIELDS
from inventory.services.pools import FIELDS as POOL_FIELDS
from inventory.words import fault_sentence

NUMBERS = {name for name in FIELDS | POOL_FIELDS if name.endswith(("_mhz", "_mib", "_ms", "shares", "level"))}


def test_a_field_has_its_label() -> None:
    fault = faults.LimitExceeded(property="cpu_limit_mhz", limit=5)
    assert "CPU limit" in fault_sentence(fault.to_dict())
    assert "cpu_limit_mhz" not in fault_sentence(fault.to_dict())


def test_words_stay_as_they_are() -> None:
    fault = faults.LimitExceeded(property="folder depth", limit=5)
    assert "folder depth" in fault_sentence(fault.to_dict())


@pytest.mark.parametrize("name", sorted(NUMBERS | {"drs_threshold", "dpm_threshold", "drs_automation", "evc_mode"}))
def test_what_a_service_checks_has_a_label(name: str) -> None:
    assert name in PROPERTIES
    assert name in FIELDS | POOL_FIELDS | CLUSTER_FIELDS


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_korean_sentence_has_no_field_name(name: str) -> None:
    with override("ko"):
        said = str(PROPERTIES[name])
    assert said
    assert said != name
