"""What a page shows moves without a reload, for every viewer, and it says truthfully how fresh it is."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from tests.browser.hands import log_in, new_page, password_of
from tests.labs import LabProcess

Enter = Callable[..., Page]


RUNNING = """
select c.uuid, v.moref from inventory_virtualmachine v join inventory_vcenter c on c.id = v.vcenter_id
where v.power_state = 'poweredOn' and c.id = (select min(id) from inventory_vcenter) order by v.id desc limit 1
"""


@pytest.fixture
def first_vm(lab_server: LabProcess) -> str:
    """The address of a virtual machine that runs."""
    ((uuid, moref),) = lab_server.rows(RUNNING)
    return f"/vc/{UUID(uuid)}/{moref}/"


def state(page: Page) -> Locator:
    return page.locator("[data-live-state]")


def expect_live(page: Page) -> None:
    expect(state(page)).to_have_attribute("data-live-state", "live")


def hosts_of(page: Page, vm: str) -> str:
    return re.sub(r"[a-z]+-[0-9]+/$", "group-d1/hosts/", vm)


def test_figures_of_a_list_move_without_a_reload(enter: Enter, first_vm: str) -> None:
    page = enter("reader")
    page.goto(hosts_of(page, first_vm))
    expect_live(page)
    page.evaluate("window.sameDocument = true")
    figures = page.locator("span[data-figure]")
    expect(figures.filter(has_text=re.compile(r"[0-9]")).first).to_be_visible()
    page.wait_for_function(
        "before => [...document.querySelectorAll('span[data-figure]')].some((one, i) => one.innerText !== before[i])",
        arg=figures.all_inner_texts(),
    )
    assert page.evaluate("window.sameDocument")


def test_the_time_of_the_figures_moves_with_them(enter: Enter, first_vm: str) -> None:
    page = enter("reader")
    page.goto(f"{first_vm}summary/")
    sampled = page.locator("[data-sampled] time")
    as_drawn = sampled.inner_text()
    expect(sampled).not_to_have_text(as_drawn)
    as_drawn_then_live = [re.sub(r"\d", "0", text) for text in (as_drawn, sampled.inner_text())]
    assert len(set(as_drawn_then_live)) == 1, as_drawn_then_live


def test_what_one_person_does_another_sees(enter: Enter, first_vm: str) -> None:
    admin, reader = enter("administrator"), enter("reader")
    for page in (reader, admin):
        page.goto(f"{first_vm}summary/")
        expect_live(page)
    reader.locator("#global-search").focus()
    with admin.expect_response(re.compile(r"/do/suspend/$")) as answer:
        admin.locator('.object-head button[aria-label*="uspend"]').first.click()
    assert answer.value.status == 202
    row = reader.locator("#task-rows tr", has_text="Suspend virtual machine").first
    expect(row).to_contain_text("administrator")
    expect(row).to_contain_text(re.compile("Completed"))
    expect(reader.locator(".object-head")).to_contain_text("Suspended")
    assert reader.evaluate("document.activeElement.id") == "global-search"


def test_a_chart_is_drawn_and_grows(enter: Enter, first_vm: str) -> None:
    page = enter("reader")
    page.goto(f"{first_vm}monitor/advanced/?counters=2&style=area")
    expect(page.locator(".u-over")).to_be_visible()
    page.locator(".chart-table summary").click()
    newest = page.locator(".chart-table tbody tr th").first
    expect(newest).not_to_have_text(newest.inner_text())
    page.locator('[name=counter][value="24"]').check()
    expect(page.locator(".chart-legend tbody tr")).to_have_count(2)
    page.reload()
    expect(page.locator(".chart-legend tbody tr")).to_have_count(2)
    with page.expect_download() as saved:
        page.locator("[data-chart-csv]").click()
    assert saved.value.suggested_filename.endswith("-realtime.csv")
    page.locator(".section-group a", has_text="Overview").click()
    expect(page.locator("[data-chart]").nth(1)).to_be_visible()
    expect(page.locator(".chart .u-over")).to_have_count(page.locator("[data-chart]").count())


def test_targets_of_a_chart_are_chosen_kept_in_the_address_and_stacked(enter: Enter, first_vm: str) -> None:
    page = enter("reader")
    page.goto(f"{first_vm}monitor/advanced/?counters=6")
    lines = page.locator(".chart-legend tbody tr")
    expect(lines).to_have_count(1)
    targets = page.locator(".chart-target-list input")
    page.locator('.chart-target-list input[value="0"]').check()
    expect(lines).to_have_count(2)
    expect(page).to_have_url(re.compile("targets=self%2C0"))
    page.locator('[name=target][value="self"]').uncheck()
    expect(lines).to_have_text([re.compile("vCPU 0 · CPU usage in MHz")])
    page.locator("[data-target-all]").check()
    processors = page.locator(".chart-target-list input:enabled").count()
    assert 0 < processors < targets.count()  # adapters and datastores have no MHz
    expect(lines).to_have_count(processors)
    page.locator('[name=style][value="stacked"]').check()
    page.reload()
    expect(lines).to_have_count(processors)
    expect(page.locator("[data-target-all]")).to_be_checked()
    page.locator('[name=counter][value="24"]').check()
    page.locator('[name=counter][value="6"]').uncheck()  # memory has no instances: the machine itself is shown
    expect(page.locator('[name=target][value="self"]')).to_be_checked()
    expect(lines).to_have_text([re.compile("^ ?Memory usage")])
    expect(page.locator(".chart-target-list input:enabled")).to_have_count(0)


def test_without_a_socket_the_page_asks_by_itself(enter: Enter, first_vm: str) -> None:
    page = enter("reader")

    def refuse(socket: WebSocketRoute) -> None:
        socket.close(code=1013)

    page.route_web_socket(re.compile("/live/$"), refuse)
    with page.expect_response(re.compile(r"/live/\?")) as polled:
        page.goto(f"{first_vm}summary/")
    assert polled.value.status == 200
    expect(state(page)).to_have_text("Every 5 s")


def test_a_page_outlives_the_web_server(browser: Browser, first_vm: str, lab_server: LabProcess) -> None:
    """Not by `enter`: here the console has reason to speak."""
    page = new_page(browser, lab_server)
    try:
        log_in(page, "reader", password_of(lab_server, "reader"), f"{first_vm}summary/")
        expect_live(page)
        page.route("**/vc/*/live/**", lambda route: route.fulfill(status=503, body=""))
        os.kill(lab_server.pids()["web"], signal.SIGKILL)
        expect(state(page)).to_have_attribute("data-live-state", "offline")
        expect_live(page)
    finally:
        page.context.close()
