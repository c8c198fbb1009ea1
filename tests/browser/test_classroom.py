"""A class in two browsers: the teacher makes a course and labs, drives in one, says something; the student sees it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from playwright.sync_api import Page, expect

COURSE = "Datacenters 102"


def test_a_teacher_and_a_student_in_one_lab(enter: Callable[..., Page]) -> None:
    teacher, student = enter("administrator"), enter("student")
    code = open_course(teacher)
    address = teacher.url
    try:
        join(student, code)
        make_labs(teacher)
        work_together(teacher, student)
        the_lab_goes_under_the_student(teacher, student, address)
    finally:
        student.goto("/classroom/")
        teacher.goto(address)
        close_course(teacher)
    student.reload()
    expect(student.locator("#classroom")).not_to_contain_text(COURSE)


def answer(page: Page, **values: str) -> None:
    """Fill the open dialog and send it."""
    dialog = page.locator("#dialogs > dialog")
    for name, value in values.items():
        dialog.locator(f"[name={name}]").fill(value)
    dialog.locator("footer button[type=submit]").click()
    expect(dialog).to_have_count(0)


def open_course(teacher: Page) -> str:
    """A course with a template; returns the join code."""
    teacher.goto("/classroom/")
    teacher.get_by_role("button", name="New course").click()
    answer(teacher, name=COURSE)
    teacher.get_by_role("link", name=COURSE).click()
    teacher.get_by_role("button", name="New template").click()
    answer(teacher, name="Two hosts", hosts="2", vms="4")
    expect(teacher.get_by_role("cell", name="Two hosts")).to_be_visible()
    return teacher.locator("strong.join-code").inner_text()


def join(student: Page, code: str) -> None:
    student.goto("/classroom/")
    student.get_by_label("Join code").fill(code.lower())
    student.get_by_role("button", name="Join").click()
    student.locator(".empty-page").get_by_role("button", name="Join").click()
    expect(student.get_by_role("cell", name=COURSE)).to_be_visible()


def make_labs(teacher: Page) -> None:
    teacher.reload()
    teacher.get_by_role("button", name="Make labs for all").click()
    answer(teacher)
    expect(teacher.locator("#batch[data-batch=finished]")).to_be_attached()
    teacher.get_by_role("link", name="Class wall").click()
    expect(teacher.locator(".lab-tile")).to_have_count(1)


def work_together(teacher: Page, student: Page) -> None:
    student.goto("/classroom/")
    student.locator("#classroom .object-link").click()
    student.wait_for_selector("#workspace[data-kind=VCenter]")
    machine = a_machine(student)
    student.goto(machine)
    offered = student.locator("#workspace .quick [data-action]")
    expect(offered).not_to_have_count(0)
    notes = student.locator("#class-notes")
    teacher.locator(".lab-tile").get_by_role("button", name="Take over").click()
    expect(teacher.locator("#class-notes")).to_contain_text("You are driving")
    expect(notes).to_contain_text("is driving in your lab")
    expect(offered).to_have_count(0)  # the open page follows
    what_changes_is_offered_to_who_drives(teacher, machine)
    teacher.locator("#class-notes").get_by_role("button", name="Back to the wall").click()
    expect(notes.locator(".banner")).to_have_count(0)
    expect(offered).not_to_have_count(0)
    teacher.get_by_role("button", name="Message to all").click()
    answer(teacher, text="Look at the score of the cluster.")
    expect(notes).to_contain_text("Look at the score of the cluster.")
    notes.get_by_role("button", name="Got it").click()
    expect(notes.locator(".banner")).to_have_count(0)
    copied_to_the_projector(teacher)


def the_lab_goes_under_the_student(teacher: Page, student: Page, address: str) -> None:
    """No dead page is left: the student is at home, and reads why."""
    gone = student.locator("#workspace").get_attribute("data-name")
    teacher.goto(address)
    teacher.get_by_role("button", name="Delete all").click()
    answer(teacher)
    expect(student.locator("#toasts")).to_contain_text(f"“{gone}” is no longer there")
    assert student.evaluate("location.pathname") == "/"


def a_machine(page: Page) -> str:
    """The address of the first machine of the lab that is shown."""
    place = page.locator("#workspace")
    grid = f"/vc/{place.get_attribute('data-vc')}/{place.get_attribute('data-moref')}/grid/vms/"
    row = page.evaluate(
        """url => fetch(url).then((one) => one.text()).then((text) => new DOMParser()
        .parseFromString(`<table>${text}</table>`, "text/html").querySelector("tr[data-url]").dataset.url)""",
        grid,
    )
    return str(row)


def what_changes_is_offered_to_who_drives(teacher: Page, machine: str) -> None:
    """Renaming while driving can be undone; who only looks is not offered that, without a word from the server."""
    teacher.goto(machine)
    teacher.locator("#actions-button").click()
    teacher.locator("#actions-menu [data-key=rename]").click()
    answer(teacher, name="renamed")
    undo = teacher.locator("#recent-tasks tr[data-task]", has_text="renamed").locator(".undo").first
    expect(undo).to_be_visible()
    teacher.locator("#class-notes").get_by_role("button", name="Give back").click()
    expect(teacher.locator("#class-notes")).to_contain_text("take over first")
    expect(undo).to_be_attached()
    expect(undo).to_be_hidden()
    teacher.locator("#class-notes").get_by_role("button", name="Take over").click()
    expect(teacher.locator("#class-notes")).to_contain_text("You are driving")
    expect(undo).to_be_visible()


def copied_to_the_projector(teacher: Page) -> None:
    """A worker makes the copy; it comes to the wall by itself."""
    teacher.locator(".lab-tile [title='Copy to the projector']").click()
    answer(teacher)
    copies = teacher.locator("#wall-copies")
    expect(copies.get_by_role("link")).to_have_count(1)
    expect(teacher.locator("#tree-pane")).to_contain_text("copy")  # it is the teacher's own
    copies.get_by_role("button", name="Delete").click()
    answer(teacher)
    expect(copies.get_by_role("link")).to_have_count(0)
    expect(teacher.locator("#tree-pane")).not_to_contain_text("copy")


def close_course(teacher: Page) -> None:
    """Delete the labs, if there are any, and archive; `teacher` shows the labs of the course."""
    none, every = teacher.get_by_text("No labs yet."), teacher.get_by_role("button", name="Delete all")
    expect(none.or_(every).filter(visible=True).first).to_be_visible()
    for _again in range(3):  # a lab whose beat takes too long stays, and can be asked for once more
        if none.is_visible():
            break
        every.click()
        answer(teacher)
        with suppress(AssertionError):
            expect(none).to_be_visible(timeout=60_000)
        teacher.reload()
        expect(none.or_(every).filter(visible=True).first).to_be_visible()
    expect(none).to_be_visible()
    teacher.get_by_role("button", name="Archive").click()
    answer(teacher)
    expect(teacher.get_by_role("button", name="Reopen")).to_be_visible()
