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
    notes = student.locator("#class-notes")
    teacher.locator(".lab-tile").get_by_role("button", name="Take over").click()
    expect(teacher.locator("#class-notes")).to_contain_text("You are driving")
    expect(notes).to_contain_text("is driving in your lab")
    teacher.locator("#class-notes").get_by_role("button", name="Back to the wall").click()
    expect(notes.locator(".banner")).to_have_count(0)
    teacher.get_by_role("button", name="Message to all").click()
    answer(teacher, text="Look at the score of the cluster.")
    expect(notes).to_contain_text("Look at the score of the cluster.")
    notes.get_by_role("button", name="Got it").click()
    expect(notes.locator(".banner")).to_have_count(0)


def close_course(teacher: Page) -> None:
    """Delete the labs, if there are any, and archive; `teacher` shows a page of the course."""
    teacher.get_by_role("link", name="Labs", exact=True).click()
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
