"""The Korean catalogue is complete and true to its sources; figures and dates follow the language."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils import translation

from domain import faults
from inventory import format as forms
from inventory import words
from inventory.retell import retell
from vsphere_web.management.commands import messages
from vsphere_web.messages import compile_catalogues

KOREAN = Path(settings.LOCALE_PATHS[0]) / "ko" / "LC_MESSAGES" / "django.po"
# What stays in Latin letters: products, protocols, units and parts that Korean administrators name so too.
_NAMES = """
    AMD APD API BMC CD CO CP949 CPU CSV DPM DRS DVD EFI Excel esx esx-07.lab.local ESXi EVC GB HA HTML http https ID iLO
    IOPS IP IPMI JSON KB kg kWh Lab.Clock LDAP Linux MAC MB Mbit MFA MHz ms NFS NIC OIDC OS PDF PDL PNG REST RVTools s
    SAML SDPS SMTP SSD SSO Storage TB U2 URL UTF-8 vApp vCenter vCPU VirtualBox VLAN VM vm-42 VMFS VMkernel vMotion
    VMware vSphere Essentials Intel W Wake-on-LAN Web XLSX YAML vmxnet3 e1000e
    Beloglazov Bitbrains Buyya DVFS HP LR-MMT MiB ML110 PlanetLab SLAV THR-MMT cpu csv mem npz pct t
    PCI SCSI USB DirectPath I O
    AND OR Asia Seoul xlsx zip vDatastore vDisk vHost all any end pause resume speed step until
"""
NAMES = frozenset(_NAMES.split())
LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    compile_catalogues(settings.LOCALE_PATHS)


@pytest.fixture(scope="module")
def korean() -> polib.POFile:
    return polib.pofile(str(KOREAN))


@pytest.fixture(scope="module")
def found() -> dict[messages.Message, set[str]]:
    return messages.messages(Path(settings.BASE_DIR))


def told(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_no_string_waits_for_its_translation(korean: polib.POFile) -> None:
    assert [entry.msgid for entry in messages.missing(korean)] == []


def test_the_sources_hold_no_string_that_the_catalogue_lacks(
    korean: polib.POFile, found: dict[messages.Message, set[str]]
) -> None:
    said = {(m.context, m.singular) for m in found}
    known = {(entry.msgctxt or "", entry.msgid) for entry in korean}
    assert sorted(said - known) == []
    assert sorted(known - said) == [], "`manage.py messages` drops what the sources no longer say"


def test_every_translation_has_the_placeholders_of_its_source(korean: polib.POFile) -> None:
    wrong = []
    for entry in korean:
        wanted = set(messages.PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        wrong += [text for text in told(entry) if set(messages.PLACEHOLDER.findall(text)) != wanted]
    assert wrong == []


def test_no_english_is_left_in_a_translation(korean: polib.POFile) -> None:
    left = {}
    for entry in korean:
        for text in told(entry):
            plain = messages.PLACEHOLDER.sub(" ", text.replace("%%d", " "))
            words_left = [w for w in LATIN.findall(plain) if w.strip(".-") not in NAMES]
            if words_left:
                left[entry.msgid] = words_left
    assert left == {}


def test_the_catalogue_is_sorted_and_names_its_sources(korean: polib.POFile) -> None:
    keys = [(entry.msgctxt or "", entry.msgid) for entry in korean]
    assert keys == sorted(keys)
    assert all(entry.occurrences for entry in korean)
    assert not any(line for entry in korean for _, line in entry.occurrences), "a line number would move every day"


def test_particles_after_a_name_leave_both_forms_open(korean: polib.POFile) -> None:
    closed = re.compile(r"%\(\w+\)s”?(?:은|는|이|가|을|를|과|와|로|으로)(?=[\s.,]|$)")
    assert [text for entry in korean for text in told(entry) if closed.search(text)] == []


def test_extraction_follows_aliases_and_plurals() -> None:
    source = (
        "from django.utils.translation import gettext_lazy as _lazy, ngettext, pgettext\n"
        "from domain.text import _\n"
        "_('One'); _lazy('Two'); ngettext('%(n)s host', '%(n)s hosts', n); pgettext('verb', 'Open'); _(name)\n"
        "raise InvalidState(reason='it is a template', name=f'{a} of us')\n"
    )
    assert [tuple(m) for m in messages.in_python(source)] == [
        ("", "One", ""), ("", "Two", ""), ("", "%(n)s host", "%(n)s hosts"), ("verb", "Open", ""),
        ("", "it is a template", ""),
    ]  # fmt: skip


def test_extraction_reads_templates() -> None:
    source = (
        "{% load i18n %}{% translate 'One' %}{% include 'x.html' with label=_('Two') %}"
        "{% blocktranslate count n=n trimmed %}{{ n }} host{% plural %}{{ n }} hosts{% endblocktranslate %}"
    )
    assert [tuple(m) for m in messages.in_template(source)] == [
        ("", "One", ""), ("", "Two", ""), ("", "%(n)s host", "%(n)s hosts"),
    ]  # fmt: skip


def test_updating_twice_changes_nothing(korean: polib.POFile, found: dict[messages.Message, set[str]]) -> None:
    assert str(messages.update(korean, found)) == str(messages.update(messages.update(korean, found), found))


@pytest.mark.parametrize(
    ("language", "moment", "figure", "span"),
    [
        ("en", "22 Nov 2026, 17:05:09", "12,345", "3 days 4 hours"),
        ("ko", "2026. 11. 22. 17:05:09", "12,345", "3일 4시간"),
    ],
)
def test_figures_and_dates_follow_the_language(language: str, moment: str, figure: str, span: str) -> None:
    with translation.override(language):
        assert forms.moment(datetime(2026, 11, 22, 17, 5, 9, tzinfo=UTC), "UTC") == moment
        assert forms.number(12345) == figure
        assert forms.duration(3 * 86_400 + 4 * 3600) == span


def test_a_fault_is_told_with_its_reason() -> None:
    fault = faults.InvalidState(name="web-01", reason="it is a template")
    with translation.override("ko"):
        told_text = words.fault_sentence(fault.to_dict())
    assert "web-01" in told_text
    assert "템플릿입니다" in told_text


def test_a_sentence_within_a_sentence_is_told_by_its_template() -> None:
    inner = faults.InsufficientHostCapacityFault(host="esx-01", reason="there is no other host").sentence
    with translation.override("ko"):
        assert retell(inner) == "호스트 “esx-01”에 여유가 없습니다: 다른 호스트가 없습니다."
        assert retell("My own note (3 of 4)") == "My own note (3 of 4)"
        brackets = faults.VMotionNotLicensed(host="esx-01").sentence
        told_text = retell(f"{brackets} (2 of 3 hosts)")
        assert told_text == f"{retell(brackets)}(호스트 3개 중 2개)"
        assert "작업 > 라이센스 할당" in told_text
    with translation.override("en"):
        assert retell(inner) == inner
