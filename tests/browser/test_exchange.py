"""Stories of inventories as files: out of the menu, changed by hand, back in; and the export of another tool."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from inventory.exchange import rvtools, safe
from tests.apps.exchange.tables import TABLES, zipped
from tests.browser.hands import follow

Enter = Callable[..., Page]


def to_first(page: Page, kind: str, words: str) -> str:
    """Open the first object of a kind that the search finds; returns its address."""
    page.goto(f"/search/?q={words}&kind={kind}")
    url = page.locator(".page-body .object-link").first.get_attribute("href") or ""
    page.goto(url)
    expect(page.locator("#workspace h1")).to_be_visible()
    return url


def row(page: Page, *texts: str) -> Locator:
    found = page.locator(".page-body table.lines tbody tr")
    for text in texts:
        found = found.filter(has_text=text)
    return found


def compared(page: Page, file: Path) -> None:
    page.set_input_files("#workspace input[name=file]", file)
    page.locator("#workspace button", has_text="Compare").click()


def test_memory_is_changed_in_a_file(enter: Enter, tmp_path: Path) -> None:
    page = enter()
    url = to_first(page, "Datacenter", "e")
    with page.expect_download() as download:
        follow(page, "Export Inventory (YAML)")
    file = tmp_path / "inventory.yaml"
    download.value.save_as(file)
    document = safe.load(file.read_bytes())
    machines = document["datacenters"][0]["vms"]
    machine = next(vm for vm in machines if vm.get("power_state") != "poweredOn" and not vm.get("template"))
    wanted = machine.get("memory_mib", 1024) + 1024
    machine["memory_mib"] = wanted
    file.write_text(safe.dump(document))

    page.goto(re.sub(r"[^/]+/$", "group-d1/", url))
    follow(page, "Compare with File…")
    compared(page, file)
    line = row(page, machine["name"], "memory_mib")
    expect(line).to_contain_text(str(wanted))
    expect(line).to_contain_text("yes")
    page.locator("#workspace button", has_text=re.compile("^Apply 1 difference$")).click()
    expect(page.locator("#workspace .banner[data-tone=ok]")).to_be_visible()
    task = page.locator("#task-rows tr", has_text="Reconfigure virtual machine").filter(has_text=machine["name"]).first
    expect(task).to_have_attribute("data-state", "success")
    task.locator("a.object-link").click()
    expect(page.locator("#workspace h1")).to_have_text(machine["name"])
    expect(page.locator("#workspace")).to_contain_text(f"{wanted / 1024:g} GB")


def test_an_export_of_rvtools_is_looked_at_before_it_comes_in(enter: Enter, tmp_path: Path) -> None:
    page = enter()
    file = tmp_path / "corp.zip"
    file.write_bytes(zipped(TABLES))
    page.goto("/import/")
    page.set_input_files("#workspace input[name=file]", file)
    page.locator("#workspace button", has_text="Preview").click()
    expect(row(page, "vDatastore, line 5").first).to_be_visible()
    expect(row(page, "Virtual machines")).to_contain_text("2")
    page.goto("/search/?q=esx1.corp")
    expect(page.locator(".page-body .object-link", has_text="esx1.corp")).to_have_count(0)  # looked at, not taken in


def test_a_file_with_one_bad_object_makes_nothing(enter: Enter, tmp_path: Path) -> None:
    page = enter()
    document = rvtools.document(zipped(TABLES), "half").document
    lost = document["datacenters"][0]["vms"][0]
    lost["host"] = "nowhere"
    file = tmp_path / "bad.yaml"
    file.write_text(safe.dump(document))
    page.goto("/import/")
    page.set_input_files("#workspace input[name=file]", file)
    page.locator("#workspace button", has_text="Preview").click()
    expect(row(page, "datacenters[1].vms[1].host")).to_contain_text("nowhere")
    expect(page.locator("#workspace button", has_text=re.compile("^Import$"))).to_have_count(0)
    page.goto("/")
    expect(page.locator("#home .environment").first).to_be_visible()
    expect(page.locator("#home h2", has_text="half")).to_have_count(0)
