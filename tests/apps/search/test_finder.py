"""The global search: best matches first, each once, with the number of all."""

from __future__ import annotations

import pytest

from domain.morefs import Kind
from inventory import finder
from inventory.models import VirtualMachine, VirtualNic
from tests.builders import SmallLab
from tests.cast import Cast, make_cast, own_lab

pytestmark = pytest.mark.django_db
NUMBER = 3


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> SmallLab:
    made = own_lab(cast, hosts=2, vms=6)
    for vm, name in zip(made.vms, ("my-web", "web-2", "web", "web-1", "the-web", "db"), strict=True):
        VirtualMachine.objects.filter(pk=vm.pk).update(name=name, notes="")
    return made


def machines(cast: Cast, lab: SmallLab, text: str) -> finder.Found:
    (found,) = finder.search(cast.student, [lab.vcenter], text, NUMBER, Kind.VM)
    return found


def test_the_exact_name_comes_first_then_what_begins_so(cast: Cast, lab: SmallLab) -> None:
    found = machines(cast, lab, "web")
    assert [vm.name for vm in found.rows] == ["web", "web-1", "web-2"]
    assert (found.total, found.more) == (5, 2)


def test_a_machine_of_which_two_adapters_match_is_found_once(cast: Cast, lab: SmallLab) -> None:
    VirtualNic.objects.all().delete()
    for key, ending in enumerate(("01", "02")):
        VirtualNic.objects.create(
            vm=lab.vms[0], key=4000 + key, label=f"Network adapter {key}", network=lab.network,
            mac=f"00:50:56:aa:bb:{ending}",
        )  # fmt: skip
    found = machines(cast, lab, "00:50:56:AA")
    assert ([vm.pk for vm in found.rows], found.total) == ([lab.vms[0].pk], 1)


def test_nothing_is_found_of_what_is_not_there_or_not_seen(cast: Cast, lab: SmallLab) -> None:
    assert finder.search(cast.student, [lab.vcenter], "nowhere", NUMBER) == []
    assert finder.search(cast.outsider, [lab.vcenter], "web", NUMBER) == []
