"""The audit chain: it never forks, and whoever changes it is found out."""

from __future__ import annotations

import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from inventory import audit
from inventory.models import AuditEntry
from tests.builders import SmallLab, make_vcenter, small_lab
from tests.cast import Cast

HOSTILE = {"name": "x\x00y\u2028" * 50, "ratio": 1e20, "half": 0.5, "many": {3, 1, 2}, "deep": [{"a": None, "b": True}]}


@pytest.fixture
def chain(cast: Cast, lab: SmallLab) -> list[AuditEntry]:
    return [audit.append(cast.student, f"VirtualMachine.action{i}", lab.vm, {"i": i}) for i in range(5)]


def test_entries_follow_from_each_other(chain: list[AuditEntry]) -> None:
    assert chain[0].previous == audit.GENESIS
    assert [entry.previous for entry in chain[1:]] == [entry.digest for entry in chain[:-1]]
    verdict = audit.verify()
    assert (verdict.intact, verdict.entries, verdict.tip) == (True, 5, chain[-1].digest)


def test_what_the_database_gives_back_has_the_same_digest(cast: Cast, lab: SmallLab) -> None:
    lab.vm.name = "n\x00" * 100
    entry = audit.append(cast.student, "a" * 200, lab.vm, HOSTILE)
    assert audit.digest_of(AuditEntry.objects.get(pk=entry.pk)) == entry.digest
    assert audit.verify().intact


@pytest.mark.parametrize("change", [{"user_name": "nobody"}, {"detail": {}}, {"entity": "vm-1"}, {"action": "other"}])
def test_a_changed_entry_is_found(chain: list[AuditEntry], change: dict[str, object]) -> None:
    AuditEntry.objects.filter(pk=chain[2].pk).update(**change)
    verdict = audit.verify()
    assert (verdict.intact, verdict.broken, verdict.entries) == (False, chain[2].pk, 2)


def test_a_changed_entry_with_a_fresh_digest_is_found_at_the_next(chain: list[AuditEntry]) -> None:
    entry = chain[2]
    entry.user_name = "nobody"
    AuditEntry.objects.filter(pk=entry.pk).update(user_name="nobody", digest=audit.digest_of(entry))
    assert audit.verify().broken == chain[3].pk


@pytest.mark.parametrize("gone", [0, 2])
def test_a_removed_entry_is_found(chain: list[AuditEntry], gone: int) -> None:
    chain[gone].delete()
    assert audit.verify().broken == chain[gone + 1].pk


def test_a_cut_off_end_is_found_by_who_noted_the_tip(chain: list[AuditEntry]) -> None:
    noted = chain[-1].digest
    assert audit.verify(noted).intact
    chain[-1].delete()
    assert audit.verify().intact
    assert not audit.verify(noted).intact


def test_the_chain_outlives_its_vcenter(cast: Cast) -> None:
    vcenter = make_vcenter(cast.student)
    audit.append(cast.student, "VCenter.create", vcenter)
    AuditEntry.objects.update(vcenter=None)
    assert audit.verify().intact
    assert AuditEntry.objects.get().detail == {"vcenter": str(vcenter.uuid)}


def test_an_entry_goes_with_its_transaction(cast: Cast, lab: SmallLab) -> None:
    with transaction.atomic():
        audit.append(cast.student, "VirtualMachine.powerOn", lab.vm)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


def test_the_command_says_what_it_found(chain: list[AuditEntry]) -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert chain[-1].digest in out.getvalue()
    AuditEntry.objects.filter(pk=chain[3].pk).update(user_name="nobody")
    with pytest.raises(CommandError, match=f"Entry {chain[3].pk}"):
        call_command("verify_audit")


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_chain() -> None:
    lab = small_lab(hosts=1, vms=1)
    failures: list[BaseException] = []
    start = threading.Barrier(6)

    def work() -> None:
        try:
            start.wait()
            for i in range(5):
                with transaction.atomic():
                    audit.append(None, f"Action{i}", lab.vm)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    verdict = audit.verify()
    assert (verdict.intact, verdict.entries) == (True, 30)
