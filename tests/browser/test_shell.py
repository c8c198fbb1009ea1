"""Stories in the shell: the tree and its keys, history, search, palette, panes, theme, language, small screens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.hands import MENU_ITEM, expand
from tests.labs import LabProcess

Enter = Callable[..., Page]
TREE = "#tree-pane"


def line(page: Page, name: str) -> Locator:
    """The tree item of that name."""
    return page.locator(f"{TREE} [role=treeitem]").filter(
        has=page.locator(":scope > .line .name", has_text=re.compile(f"^{re.escape(name)}$"))
    )


def expect_focus(page: Page, name: str) -> None:
    """Wait until the line of that name has the focus: some keys fetch something first."""
    page.wait_for_function(
        "name => document.activeElement.querySelector(':scope > .line .name')?.textContent === name", arg=name
    )


def press_together(page: Page, *keys: str) -> None:
    """Keys that count together only when they come quickly: in one go, however slow the machine is."""
    page.evaluate(
        """keys => keys.forEach(key => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })))""",
        keys,
    )


def type_to(page: Page, text: str, name: str) -> None:
    """Type the beginning of a name in the tree; the line has the focus then."""
    press_together(page, *text)
    expect_focus(page, name)


def open_to(page: Page, *names: str) -> None:
    for name in names:
        expand(line(page, name))


def to_cluster(page: Page) -> None:
    open_to(page, "vcenter-01.lab", "Seoul-DC", "Cluster-A")


def test_a_click_selects_and_shows_and_open_nodes_stay_open(enter: Enter) -> None:
    page = enter()
    to_cluster(page)
    page.evaluate("document.getElementById('tree-pane').dataset.same = 'yes'")
    line(page, "esx-02.lab.local").locator(".name").click()
    expect(page.locator("#workspace h1")).to_have_text("esx-02.lab.local")
    expect(line(page, "esx-02.lab.local")).to_have_attribute("aria-selected", "true")
    assert page.locator(TREE).get_attribute("data-same") == "yes"
    expect(page).to_have_url(re.compile(r"/vc/[0-9a-f-]{36}/host-\d+/$"))
    page.reload()
    expect(line(page, "esx-02.lab.local")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#workspace h1")).to_have_text("esx-02.lab.local")


def test_back_and_forward_show_what_was_there(enter: Enter) -> None:
    page = enter()
    to_cluster(page)
    for name in ("esx-01.lab.local", "esx-02.lab.local"):
        line(page, name).locator(".name").click()
        expect(page.locator("#workspace h1")).to_have_text(name)
    page.locator(".tabs a", has_text="Configure").click()
    expect(page.locator(".tabs [aria-current]")).to_have_text("Configure")
    page.go_back()
    expect(page.locator(".tabs [aria-current]")).to_have_text("Summary")
    page.go_back()
    expect(page.locator("#workspace h1")).to_have_text("esx-01.lab.local")
    expect(line(page, "esx-01.lab.local")).to_have_attribute("aria-selected", "true")
    page.go_forward()
    expect(page.locator("#workspace h1")).to_have_text("esx-02.lab.local")
    assert page.locator(".topbar").count() == 1


def test_the_tree_obeys_the_keys_of_its_pattern(enter: Enter) -> None:
    page = enter()
    root = line(page, "vcenter-01.lab")
    root.focus()
    expect(root).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowRight")
    expect(root).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowRight")
    expect_focus(page, "Seoul-DC")
    open_to(page, "Seoul-DC", "Cluster-A")
    line(page, "Cluster-A").focus()
    page.keyboard.press("ArrowRight")
    expect_focus(page, "esx-01.lab.local")
    page.keyboard.press("ArrowDown")
    expect_focus(page, "esx-02.lab.local")
    type_to(page, "esx-05", "esx-05.lab.local")
    page.keyboard.press("Enter")
    expect(page.locator("#workspace h1")).to_have_text("esx-05.lab.local")
    expect_focus(page, "esx-05.lab.local")
    page.keyboard.press("Home")
    expect_focus(page, "vcenter-01.lab")
    assert page.locator(f"{TREE} [role=treeitem][tabindex='0']").count() == 1


def test_an_arrow_opens_without_leaving_the_page(enter: Enter) -> None:
    page = enter()
    before = page.url
    open_to(page, "vcenter-01.lab", "Seoul-DC")
    assert page.url == before


def test_the_selection_survives_a_change_of_view(enter: Enter) -> None:
    page = enter()
    to_cluster(page)
    open_to(page, "Production")
    name = line(page, "Production").locator("[role=treeitem] .name").first.text_content() or ""
    line(page, name).locator(".name").click()
    expect(page.locator("#workspace h1")).to_have_text(name)
    press_together(page, "g", "v")
    expect(page.locator("#view-vms")).to_have_attribute("aria-selected", "true")
    expect(line(page, name)).to_have_attribute("aria-selected", "true")


def test_a_link_to_what_the_view_lacks_changes_the_view(enter: Enter) -> None:
    page = enter()
    to_cluster(page)
    line(page, "Cluster-A").locator(":scope > .line .name").click()
    page.locator(".tabs a", has_text="Datastores").click()
    page.locator(".grid tbody a").first.click()
    expect(page.locator("#view-storage")).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"{TREE} [aria-selected=true][data-kind=Datastore]")).to_have_count(1)


def test_search_as_you_type_and_the_page_of_results(enter: Enter) -> None:
    page = enter()
    page.keyboard.press("/")
    expect(page.locator("#global-search")).to_be_focused()
    page.keyboard.type("esx-03")
    option = page.locator("#search-results [role=option]").first
    expect(option).to_contain_text("esx-03.lab.local")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#workspace h1")).to_have_text("esx-03.lab.local")
    page.fill("#global-search", "web")
    page.press("#global-search", "Enter")
    expect(page.locator("#workspace h1")).to_contain_text("web")
    expect(page).to_have_url(re.compile(re.escape("/search/?q=web")))


def test_the_palette_goes_anywhere(enter: Enter) -> None:
    page = enter()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.type("esx-04")
    expect(page.locator("#palette [role=option][aria-selected=true]")).to_contain_text("esx-04.lab.local")
    page.keyboard.press("Enter")
    expect(page.locator("#workspace h1")).to_have_text("esx-04.lab.local")
    expect(page.locator("#palette")).not_to_be_visible()


def test_the_bar_of_a_slow_page_goes_once_the_page_is_there(enter: Enter) -> None:
    """Also where the link has gone meanwhile, as one of a menu or a list that was drawn anew."""
    page = enter()

    def dally(route: Route) -> None:
        expect(page.locator("body.navigating")).to_be_attached()
        route.continue_()

    page.route("**/tasks/", dally)
    page.evaluate(
        """() => {
        const link = Object.assign(document.createElement("a"), { href: "/tasks/" });
        document.body.append(link);
        htmx.process(link);
        link.click();
        link.remove();
    }"""
    )
    expect(page.locator("#workspace h1")).to_have_text("Tasks")
    expect(page.locator("body.navigating")).to_have_count(0)


def test_keys_do_not_act_while_somebody_writes(enter: Enter) -> None:
    page = enter()
    page.locator("#global-search").focus()
    page.keyboard.type("t?a")
    assert page.locator("#global-search").input_value() == "t?a"
    expect(page.locator("#help-sheet")).not_to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help-sheet")).to_be_visible()


def expect_height(page: Page, height: float) -> None:
    page.wait_for_function("px => document.getElementById('dock').getBoundingClientRect().height === px", arg=height)


def test_the_bottom_pane_folds_and_remembers(enter: Enter) -> None:
    page = enter()
    height = page.locator("#dock").bounding_box()["height"]  # type: ignore[index]
    page.locator("#dock-splitter").focus()
    page.keyboard.press("ArrowUp")
    expect_height(page, height + 16)
    page.reload()
    expect_height(page, height + 16)
    page.locator("#workspace").focus()
    page.keyboard.press("a")
    expect(page.locator("#pane-alarms")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("#pane-alarms")).not_to_be_visible()
    page.keyboard.press("t")
    expect(page.locator("#pane-tasks")).to_be_visible()


def test_theme_and_language_are_kept(enter: Enter) -> None:
    page = enter("operator")
    page.locator(".bar-end > [data-theme-toggle]").click()
    expect(page.locator("body")).to_have_attribute("cds-theme", "dark")
    page.reload()
    expect(page.locator("body")).to_have_attribute("cds-theme", "dark")
    page.locator("[popovertarget=language-menu]").first.click()
    page.locator("#language-menu [value=ko]").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")


def test_a_change_is_seen_in_the_tree_and_the_focus_stays(enter: Enter) -> None:
    page = enter()
    to_cluster(page)
    open_to(page, "Production")
    item = line(page, "Production").locator("[role=treeitem]").filter(has=page.locator("[data-tone=ok]")).first
    name = item.locator(".name").text_content() or ""
    line(page, name).locator(".name").click()
    expect(page.locator("#workspace h1")).to_have_text(name)
    line(page, name).focus()
    page.evaluate("document.querySelector('[data-action=suspend]').click()")
    expect(page.locator("#recent-tasks")).to_contain_text("Suspend virtual machine")
    expect(line(page, name).locator(".glyph")).to_have_attribute("data-tone", "warn")
    expect(page.locator(".object-head .label-state").first).to_have_text("Suspended")
    expect_focus(page, name)
    expect(line(page, name)).to_have_attribute("aria-selected", "true")


def test_usable_on_a_small_screen(enter: Enter) -> None:
    page = enter(viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator(TREE)).not_to_be_visible()
    page.locator("button[data-drawer]").click()
    expect(page.locator(TREE)).to_be_visible()
    to_cluster(page)
    line(page, "esx-01.lab.local").locator(".name").click()
    expect(page.locator("#workspace h1")).to_have_text("esx-01.lab.local")
    expect(page.locator(TREE)).not_to_be_visible()
    expect(page.locator("#actions-button")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("who", ["reader"])
def test_a_reader_sees_greyed_actions_with_their_reason(enter: Enter, who: str) -> None:
    page = enter(who)
    to_cluster(page)
    open_to(page, "Production")
    line(page, "Production").locator("[role=treeitem] .name").first.click()
    greyed = page.locator(".quick [aria-disabled=true]").first
    expect(greyed).to_have_attribute("title", re.compile(".+: .+"))


def test_a_button_pressed_before_the_modules_are_there_is_not_lost(enter: Enter) -> None:
    page = enter()
    to_cluster(page)
    line(page, "Cluster-A").locator(":scope > .line .name").click()
    expect(page.locator(".object-title")).to_contain_text("Cluster-A")
    held: list[Route] = []
    page.route("**/js/menu*.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    page.locator("#actions-button").click()
    expect(page.locator(MENU_ITEM)).to_have_count(0)
    page.wait_for_function("performance.getEntriesByType('resource').some((one) => one.name.includes('/js/dialog'))")
    held[0].continue_()
    expect(page.locator(MENU_ITEM).first).to_be_visible()


ALARMED = """
from inventory.models import AlarmDefinition, TriggeredAlarm, VCenter
vcenter = VCenter.objects.order_by("pk")[0]
definition = AlarmDefinition.objects.create(
    vcenter=vcenter, entity=vcenter.moref, name="looked at", moref="alarm-90001", target_kind="vm"
)
TriggeredAlarm.objects.create(definition=definition, vcenter=vcenter, entity=vcenter.moref, entity_kind="folder",
    entity_name="looked at", status="yellow", triggered_lab_s=0.0)
"""
NOT_ALARMED = 'from inventory.models import AlarmDefinition; AlarmDefinition.objects.get(name="looked at").delete()'


def test_alarms_of_the_bottom_pane_are_fetched_when_somebody_looks(enter: Enter, lab_server: LabProcess) -> None:
    lab_server.manage("shell", "-c", ALARMED)
    page = enter()
    expect(page.locator('[data-count="alarms"]')).to_have_text(re.compile(r"^[1-9]"))
    expect(page.locator("#alarm-rows tr")).to_have_count(0)
    page.locator("#tab-alarms").click()
    expect(page.locator("#alarm-rows tr", has_text="looked at")).to_be_visible()
    lab_server.manage("shell", "-c", NOT_ALARMED)
