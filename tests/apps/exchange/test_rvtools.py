"""Exports of RVTools: zip of CSV files and xlsx, rows that make no sense, and files that mean harm."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from inventory.exchange import build, rvtools, safe, sheets
from inventory.models import Cluster, Datastore, Host, VirtualMachine
from tests.apps.exchange.tables import TABLES, zipped

pytestmark = pytest.mark.django_db


def workbook(tables):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([cell if not cell.startswith("=") else f"'{cell}" for cell in row])
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


FORMS = {
    "zip": lambda: zipped(TABLES),
    "semicolons": lambda: zipped(TABLES, ";", "utf-8-sig", ""),
    "utf-16": lambda: zipped(TABLES, "\t", "utf-16"),
    "xlsx": lambda: workbook(TABLES),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_export_becomes_a_vcenter(form):
    reading = rvtools.document(form(), "corp")
    vcenter = build.build(reading.document).vcenter
    shop = VirtualMachine.objects.get(vcenter=vcenter, name="shop")
    assert (shop.vcpus, shop.memory_mib, shop.power_state, shop.guest_id) == (4, 8192, "poweredOn", "ubuntu64Guest")
    assert (shop.folder.name, shop.folder.parent.name) == ("Shop", "Web")
    assert shop.disks.get().capacity_bytes == 100 * 1024**3
    assert (shop.nics.get().network.name, shop.nics.get().mac) == ("VLAN 110", "00:50:56:aa:bb:cc")
    assert VirtualMachine.objects.get(vcenter=vcenter, name="gold").template
    prod = Cluster.objects.get(vcenter=vcenter, name="Prod")
    assert (prod.drs_enabled, prod.drs_automation, prod.ha_enabled, prod.hosts.count()) == (True, "manual", True, 2)
    esx = Host.objects.get(vcenter=vcenter, name="esx1.corp")
    assert (esx.cores, esx.threads, esx.core_mhz, esx.memory_mib) == (40, 80, 2500, 392_858)
    assert Cluster.objects.get(vcenter=vcenter, name="lone.corp").standalone
    assert [d.name for d in esx.datastores.all()] == ["san1"]
    assert Datastore.objects.get(vcenter=vcenter, name="nas").store_kind == "NFS"


def test_rows_that_make_no_sense_are_named_by_sheet_and_line():
    told = {(p.where, p.text.split(";")[0]) for p in rvtools.document(zipped(TABLES), "corp").problems}
    assert {where for where, _text in told} == {
        "vHost, line 3", "vDatastore, line 5", "vInfo, line 5", "vInfo, line 6", "vDisk, line 4",
    }  # fmt: skip
    assert ("vInfo, line 5", "it has no name, or its host is not in vHost") in told


def test_tables_that_are_needed_are_asked_for():
    for missing in ("vInfo", "vHost"):
        with pytest.raises(safe.Unreadable, match=missing):
            rvtools.document(zipped({k: v for k, v in TABLES.items() if k != missing}), "x")


def bomb():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("RVTools_tabvInfo.csv", b"0" * (20 << 20))
    return packed.getvalue()


def many_files():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(sheets.FILES_MAX + 1):
            archive.writestr(f"{number}.csv", "a")
    return packed.getvalue()


def formula():
    book = openpyxl.Workbook()
    book.active.title = "vInfo"
    book.active.append(["VM", "Host"])
    book.active.append(['=HYPERLINK("http://x")', "h"])
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


HOSTILE = {
    "nothing": lambda: b"",
    "no zip": lambda: b"PK\x03\x04 not really",
    "cut short": lambda: zipped(TABLES)[:-40],
    "a bomb": bomb,
    "too many files": many_files,
    "a formula": formula,
    "too large": lambda: b"\0" * (sheets.FILE_MAX + 1),
    "a long cell": lambda: zipped({**TABLES, "vInfo": [["VM"], ["x" * 5000]]}),
    "too many columns": lambda: zipped({**TABLES, "vInfo": [["c"] * 301, ["1"]]}),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_in_words(make):
    with pytest.raises(safe.Unreadable):
        rvtools.document(make(), "x")
