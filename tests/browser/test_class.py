"""The story of a lesson: a class list, labs, a night of DPM; one solves it, one goes wrong, one is sabotaged; all anew.

The night of the exercise takes three lab hours, which the clock runs through at x600; while hands are at work it runs
slowly, so that the night is as long for a slow machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.hands import DIALOG, go, new_page
from tests.browser.test_classroom import close_course
from tests.labs import PATIENCE_MS, LabProcess

Enter = Callable[..., Page]
AT_WORK, WAITING = 5, 20  # lab seconds per second
LESSON, CLUSTER = "dpm-day", "Cluster-A"
NEW_PASSWORD = "a-long-own-password-7"
CLASS_LIST = "name,username,group\nAri Han,s-ari,A\nBom Seo,s-bom,A\nChan Yoo,s-chan,B\n"


def put(field: Locator, value: str) -> None:
    kind = field.evaluate("e => e.nodeName === 'INPUT' ? e.type : e.nodeName")
    if kind == "SELECT":
        field.select_option(value)
    elif kind == "checkbox":
        field.set_checked(value == "on")
    else:
        field.fill(value)


def confirmed(page: Page, **fields: str) -> None:
    """Fill the open dialog and send it."""
    expect(page.locator(DIALOG)).to_be_visible(timeout=PATIENCE_MS)
    for name, value in fields.items():
        put(page.locator(f"{DIALOG} [name={name}]"), value)
    page.locator(f"{DIALOG} footer button[type=submit]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0, timeout=PATIENCE_MS)


def a_course(page: Page) -> tuple[str, dict[str, str]]:
    """Make a course, read the class list, make a template; its address, and the first passwords."""
    page.goto("/classroom/")
    page.locator(".page-head button", has_text="New course").click()
    confirmed(page, name="Story", student_clock="on")
    page.goto("/classroom/")
    page.get_by_role("link", name="Story", exact=True).click()
    page.wait_for_url(re.compile(r"/classroom/\d+/$"))
    address = page.url
    page.goto(f"{address}members/list/")
    page.set_input_files("input[type=file]", {"name": "c.csv", "mimeType": "text/csv", "buffer": CLASS_LIST.encode()})
    page.locator("form button", has_text="Preview").click()
    page.locator("form button", has_text="Import all").click()
    slips = page.locator(".slips li")
    expect(slips).to_have_count(3, timeout=PATIENCE_MS)
    expect(page.locator("#batch[data-batch=finished]")).to_be_attached(timeout=PATIENCE_MS)  # they open their accounts
    passwords = {}
    for slip in slips.all():
        texts = slip.locator("dd").all_inner_texts()
        passwords[texts[1].strip()] = texts[2].strip()
    page.goto(address)
    page.get_by_role("button", name="New template").click()
    confirmed(page, name="Small", hosts="3", vms="4", speed="10")
    return address, passwords


def make_labs(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Make labs for all").click()
    confirmed(page)
    page.goto(f"{address}wall/")
    expect(page.locator(".lab-tile")).to_have_count(3, timeout=PATIENCE_MS)  # they come by themselves


@contextmanager
def student(browser: Browser, lab: LabProcess, name: str, password: str) -> Iterator[Page]:
    """Log in with the first password and choose another one, as everybody has to."""
    page = new_page(browser, lab)
    page.goto("/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/password/**")
    fields = page.locator("input[type=password]").all()
    for field, value in zip(fields, (password, NEW_PASSWORD, NEW_PASSWORD), strict=True):
        field.fill(value)
    page.locator("main form button[type=submit]").click()
    expect(page.locator("main")).to_contain_text("Your password was changed", timeout=PATIENCE_MS)
    page.goto("/")
    try:
        yield page
    finally:
        page.context.close()


def begin(page: Page) -> None:
    page.locator(f"[data-lesson={LESSON}] [data-exercise-post]").click()
    step_is(page, "enable", "current")
    lab_speed(page, AT_WORK)
    expect(page.locator("#lab-clock .when")).to_contain_text(re.compile(r"\b04:\d\d:\d\d"), timeout=PATIENCE_MS)


def lab_speed(page: Page, times: int) -> None:
    """Set the speed of the student's own clock, which is in the head of every page."""
    answer = page.evaluate(
        """times => fetch(document.getElementById("lab-clock").dataset.url, {method: "POST",
        body: new URLSearchParams({verb: "speed", speed: times}),
        headers: {"X-CSRFToken": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"]}})
        .then((one) => one.status)""",
        times,
    )
    assert answer == 200
    expect(page.locator("#lab-clock .speed")).to_have_text(f"×{times}", timeout=PATIENCE_MS)


def open_object(page: Page, name: str, kind: str) -> None:
    go(page, f"/search/?q={name}&kind={kind}")
    page.locator(".page-body .object-link", has_text=name).first.click()
    expect(page.locator(".object-title")).to_contain_text(name, timeout=PATIENCE_MS)


def set_dpm(page: Page, level: str) -> None:
    """In the settings of the cluster: DPM on, with this automation level ("manual", "automated")."""
    open_object(page, CLUSTER, "ClusterComputeResource")
    page.goto(f"{page.url.split('?')[0]}configure/drs/")
    page.locator(".section-head").get_by_role("button", name="Edit").click()
    page.locator(DIALOG).get_by_role("tab", name="Power Management").click()
    page.locator(f"{DIALOG} [name=dpm_enabled]").check()
    page.locator(f"{DIALOG} [name=dpm_automation][value={level}]").check()
    page.locator(f"{DIALOG} footer button[type=submit]").last.click()
    expect(page.locator("#dialogs dialog")).to_have_count(0, timeout=PATIENCE_MS)


def open_clock(page: Page) -> None:
    """The menu is fetched each time: what it showed before goes first, so that nothing is typed into an old form."""
    page.evaluate("document.getElementById('clock-menu').replaceChildren()")
    page.locator("#lab-clock").click()


def run_until(page: Page, hour: str) -> None:
    """In the menu of the clock, which runs at x600 and stops by itself."""
    open_clock(page)
    page.locator("#clock-menu #until-time").fill(hour)
    page.locator("#clock-menu .clock-until", has=page.locator("#until-time")).get_by_role("button", name="Run").click()
    expect(page.locator("#clock-menu .clock-run")).to_contain_text(hour, timeout=PATIENCE_MS)
    page.keyboard.press("Escape")


def resume(page: Page) -> None:
    """Once a run is over: on, so that whatever is late still comes."""
    expect(page.locator("#lab-clock .speed")).to_have_text("Paused", timeout=PATIENCE_MS)
    open_clock(page)
    page.locator("#clock-menu").get_by_role("button", name="Resume").click()
    expect(page.locator("#lab-clock .speed")).not_to_have_text("Paused", timeout=PATIENCE_MS)
    page.keyboard.press("Escape")
    lab_speed(page, WAITING)


def step_is(page: Page, key: str, state: str) -> None:
    """By itself: nobody presses “Check now”."""
    expect(page.locator(f"[data-step={key}]")).to_have_attribute("data-state", state, timeout=PATIENCE_MS)


def solve(page: Page) -> None:
    """In the client, as the lesson asks: the panel stays beside every page and follows."""
    set_dpm(page, "automated")
    step_is(page, "enable", "done")
    run_until(page, "05:30")


def see_it_solved(page: Page) -> None:
    """Hosts sleep before dawn, and the morning wakes them."""
    resume(page)
    for key in ("sleep", "save"):
        step_is(page, key, "done")
    run_until(page, "07:05")
    resume(page)
    step_is(page, "morning", "done")
    expect(page.locator(".exercise-sum")).to_contain_text("100 of 100 points", timeout=PATIENCE_MS)
    open_object(page, CLUSTER, "ClusterComputeResource")
    page.goto(f"{page.url.split('?')[0]}monitor/events/")
    for said in ("DPM has sent the host", "DPM has woken the host"):
        expect(page.locator("#workspace")).to_contain_text(said, timeout=PATIENCE_MS)


def go_wrong(page: Page) -> None:
    """Manual: DPM would only recommend."""
    set_dpm(page, "manual")
    page.locator("[data-step=enable] button", has_text="Check now").click()
    expect(page.locator(".step-missing")).to_contain_text("DPM automation level: now Manual", timeout=PATIENCE_MS)


def tile(page: Page, name: str) -> Locator:
    return page.locator(".lab-tile", has_text=name)


def sabotages(page: Page, name: str) -> Locator:
    return tile(page, name).locator("[title^='Sabotage']")


def break_the_bmc(teacher: Page, address: str, name: str) -> None:
    teacher.goto(f"{address}exercises/")
    # A click that comes before the page's modules are there opens nothing.
    expect(teacher.locator("[data-live-state]").first).to_have_attribute("data-live-state", "live", timeout=PATIENCE_MS)
    teacher.locator(".deck-card", has_text="Dead BMC").get_by_role("button").click()
    teacher.locator(f"{DIALOG} select[name=labs]").select_option(label=name)
    confirmed(teacher)
    expect(teacher.locator("#assignments")).to_contain_text("Broken", timeout=PATIENCE_MS)
    teacher.goto(f"{address}wall/")


def scores_are(teacher: Page, address: str, **wanted: str) -> None:
    teacher.goto(f"{address}scores/")
    for name, points in wanted.items():
        expect(teacher.locator(f"tr[data-student=s-{name}] td.num strong")).to_have_text(points, timeout=PATIENCE_MS)
    teacher.goto(f"{address}wall/")


def test_a_lesson_from_the_class_list_to_the_reset(enter: Enter, browser: Browser, lab_server: LabProcess) -> None:
    teacher = enter()
    address, passwords = a_course(teacher)
    try:
        make_labs(teacher, address)
        teach(teacher, browser, lab_server, address, passwords)
    finally:
        teacher.goto(address)
        close_course(teacher)


def teach(teacher: Page, browser: Browser, lab_server: LabProcess, address: str, passwords: dict[str, str]) -> None:
    """The exercise in three labs, the wall, the scores, the reset."""
    teacher.goto(f"{address}exercises/")
    teacher.locator(f"tr[data-lesson={LESSON}] [data-post]").click()
    state = teacher.locator(f"tr[data-lesson={LESSON}] .label-state")
    expect(state).to_have_text(re.compile(r"^\s*Open\s*$"), timeout=PATIENCE_MS)
    teacher.goto(f"{address}wall/")

    with (
        student(browser, lab_server, "s-ari", passwords["s-ari"]) as ari,
        student(browser, lab_server, "s-bom", passwords["s-bom"]) as bom,
        student(browser, lab_server, "s-chan", passwords["s-chan"]) as chan,
    ):
        begin(ari)
        expect(tile(teacher, "Ari Han")).to_contain_text("step 0 of 4", timeout=PATIENCE_MS)
        solve(ari)  # her night passes while the others are at work
        begin(bom)
        go_wrong(bom)
        begin(chan)
        set_dpm(chan, "automated")
        step_is(chan, "enable", "done")
        expect(tile(teacher, "Bom Seo")).to_contain_text("step 0 of 4", timeout=PATIENCE_MS)
        expect(tile(teacher, "Chan Yoo")).to_contain_text("step 1 of 4", timeout=PATIENCE_MS)
        break_the_bmc(teacher, address, "Chan Yoo")
        expect(sabotages(teacher, "Chan Yoo")).to_have_text("1", timeout=PATIENCE_MS)
        expect(teacher.locator("[title^='Sabotage']")).to_have_count(1)
        see_it_solved(ari)
        expect(tile(teacher, "Ari Han")).to_contain_text("Solved", timeout=PATIENCE_MS)
        expect(tile(teacher, "Bom Seo")).to_contain_text("step 0 of 4")
        scores_are(teacher, address, ari="100", bom="0", chan="20")

        open_object(ari, "lab7-", "VirtualMachine")
        gone = ari.locator("#workspace").get_attribute("data-name") or ""
        teacher.get_by_role("button", name="Reset all").click()
        confirmed(teacher)
        expect(teacher.locator("[title^='Sabotage']")).to_have_count(0, timeout=PATIENCE_MS)
        expect(teacher.locator("#batch[data-batch=finished]")).to_be_attached(timeout=PATIENCE_MS)
        lands_nearby(ari, gone)
        for page in (ari, bom, chan):
            all_is_back(page)
    scores_are(teacher, address, ari="100", bom="0", chan="20")


def lands_nearby(page: Page, gone: str) -> None:
    """Whoever looks at a machine that the reset has taken away finds what it ran on, and is told why."""
    expect(page.locator("#toasts")).to_contain_text(f"“{gone}” is not in it any more", timeout=PATIENCE_MS)
    expect(page.locator("#workspace")).to_have_attribute("data-kind", "HostSystem")


def all_is_back(page: Page) -> None:
    """Of a student's lab: what the exercise brought is gone, DPM is off as in the beginning, and every host is on."""
    open_object(page, CLUSTER, "ClusterComputeResource")
    cluster = page.url.split("?")[0]
    expect(page.locator(f".offer[data-lesson={LESSON}]")).to_contain_text("1 attempt", timeout=PATIENCE_MS)
    go(page, f"{cluster}configure/drs/")
    expect(page.locator("#fold-power summary")).to_contain_text("Off")
    go(page, f"{cluster}hosts/")
    expect(page.locator("[data-grid] tbody tr", has_text="Connected")).to_have_count(3, timeout=PATIENCE_MS)
    go(page, "/search/?q=lab7-&kind=VirtualMachine")
    expect(page.locator(".page-body .object-link", has_text="lab7-")).to_have_count(0)
