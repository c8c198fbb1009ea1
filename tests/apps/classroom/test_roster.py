"""Class lists: read whatever people export, refuse what is wrong by its line, and let nobody in by halves."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from classroom import roster
from classroom.models import Batch, FirstPassword, Membership
from classroom.services import batches, courses, rosters
from domain import faults
from inventory.models import AuditEntry
from tests.apps.classroom.people import Class, make_class, make_teacher
from tests.cast import PASSWORD, make_user

ENGLISH = "Name,E-mail,Group\nLee Minji,minji@school.kr,A\n박지훈,jihun@school.kr,B\n"
KOREAN = "이름;이메일;반\n이민지;minji@school.kr;1반\n"


@pytest.mark.parametrize(
    ("data", "first"),
    [
        (ENGLISH.encode(), ("Lee Minji", "minji@school.kr", "A", "minji@school.kr")),
        (b"\xef\xbb\xbf" + ENGLISH.encode(), ("Lee Minji", "minji@school.kr", "A", "minji@school.kr")),
        (KOREAN.encode("cp949"), ("이민지", "minji@school.kr", "1반", "minji@school.kr")),
        ("학번\t성명\r\n20260001\t이민지\r\n".encode(), ("이민지", "", "", "20260001")),
        (b"\n\nname\nLee Min-ji\n", ("Lee Min-ji", "", "", "leemin-ji")),
        (b'Group,"Full Name"\nA,"Lee, Minji"\n', ("Lee, Minji", "", "A", "leeminji")),
    ],
)
def test_the_usual_exports_are_read(data: bytes, first: tuple[str, ...]) -> None:
    read = roster.read(data)
    assert not read.faults
    entry = read.entries[0]
    assert (entry.name, entry.email, entry.group, entry.username) == first


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"", 0, "empty"),
        (b"a,b\n1,2\n", 0, "first line"),
        (b"name\n", 0, "no students"),
        (b"name,email\nLee,lee@@x\n", 2, "no e-mail"),
        (b"name,email\nLee,a@b.kr\n,\nPark,c@d.kr\n,,\n'',\n=cmd|' /C calc'!A0,e@f.kr\n", 7, "formula"),
        (b"name,email\n@SUM(1+1),a@b.kr\n", 2, "formula"),
        ("name\nLee\u202eeeL\n".encode(), 2, "control"),
        (b"name,email\nLee,a@b.kr\nPark,A@b.kr\n", 3, "already"),
        (b"name,username\nLee,with blank\n", 2, "name of an account"),
        (b"name,group\n,A\n", 2, "neither"),
        (b"name\n" + b"x" * 200 + b"\n", 2, "characters"),
        (b"name\n" + b"\n".join(b"s%d" % i for i in range(500)), 0, "at most"),
        (b"name\n" + b"a" * 1_100_000, 0, "larger"),
        (b"\xff\xfe\x00n", 0, "neither"),
        (b"name,email\nLee\x00,a@b.kr\n", 0, "neither"),
        ("이름,반\n이민지,1반\n=1+1,2반\n".encode("cp949"), 3, "formula"),
        (b'name\n"' + b"a" * 140_000, 0, "no CSV"),
    ],
)
def test_what_is_wrong_is_told_by_line(data: bytes, line: int, says: str) -> None:
    found = roster.read(data)
    assert any(fault.line == line and says in fault.text % fault.fields for fault in found.faults), found.faults


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: f"name,email,group\n{text}".encode()))
def test_no_file_breaks_the_reader(data: bytes) -> None:
    found = roster.read(data)
    assert found.faults or found.entries
    assert not any(entry.username.startswith(roster.FORMULA) for entry in found.entries)


# --- into the course -------------------------------------------------------------------------------------------------
def entries(text: str) -> tuple[roster.Entry, ...]:
    found = roster.read(text.encode())
    assert not found.faults
    return found.entries


def imported(made: Class, text: str = ENGLISH) -> list[rosters.Admitted]:
    """The list as it is taken, and what a worker makes of it."""
    admitted, batch = batches.import_list(made.teacher, made.course, entries(text))
    if batch is not None:
        assert batches.work(batch.pk)
        batch.refresh_from_db()
        assert (batch.errors, set(batch.args)) == ([], {"items"})
        for one in admitted:
            one.user.refresh_from_db()
    return admitted


@pytest.mark.django_db
def test_no_request_computes_the_passwords_of_a_class_and_nobody_keeps_them() -> None:
    made = make_class(0)
    admitted, batch = batches.import_list(made.teacher, made.course, entries(ENGLISH))
    assert batch is not None
    assert not any(one.user.has_usable_password() for one in admitted), "each takes half a second"
    client = Client()
    client.force_login(made.teacher)
    page = f"/classroom/{made.course.pk}/members/"
    assert client.get(page).content.decode().count("First, not yet changed") == 2
    renewed = rosters.renew_password(made.teacher, made.memberships[1])  # a teacher who cannot wait
    for _twice in range(2):
        Batch.objects.update(state=Batch.RUNNING, done=0, lease_until=None)
        batch.refresh_from_db()
        assert batches.work(batch.pk)
        Batch.objects.filter(pk=batch.pk).update(args=batch.args)
    accounts = {user.pk: user for user in get_user_model().objects.all()}
    for one, password in zip(admitted, (admitted[0].password, renewed.password), strict=True):
        assert accounts[one.user.pk].check_password(password)
    said = str(list(AuditEntry.objects.values_list("detail", flat=True)))
    assert not any(word in said for word in (batch.args["secret"], *(one.password for one in admitted)))


@pytest.mark.django_db
def test_a_list_whose_passwords_cannot_wait_any_more_enrols_nobody() -> None:
    made = make_class(1, with_labs=True)
    for number in range(batches.MOST_WAITING + 1):
        batches.for_labs(made.teacher, made.course, "speed", speed=float(number + 1))
    with pytest.raises(faults.LimitExceeded):
        batches.import_list(made.teacher, made.course, entries(ENGLISH))
    assert Membership.objects.count() == 1
    assert not FirstPassword.objects.exists()


@pytest.mark.django_db
def test_new_students_get_an_account_and_others_keep_theirs() -> None:
    made = make_class(0)
    old = make_user("jihun@school.kr", last_name="Old Name")
    admitted = imported(made)
    assert [bool(one.password) for one in admitted] == [True, False]
    assert admitted[0].user.check_password(admitted[0].password)
    old.refresh_from_db()
    assert old.check_password(PASSWORD)
    assert old.last_name == "Old Name"
    assert list(Membership.objects.order_by("pk").values_list("user__username", "group")) == [
        ("minji@school.kr", "A"), ("jihun@school.kr", "B"),
    ]  # fmt: skip
    again = imported(made)
    assert not any(one.password for one in again)
    assert Membership.objects.count() == 2


@pytest.mark.django_db
def test_a_list_that_cannot_be_taken_whole_is_not_taken_at_all() -> None:
    made = make_class(0)
    users = get_user_model().objects.count()
    courses.edit(made.teacher, made.course, max_labs=1)
    made.course.refresh_from_db()
    with pytest.raises(faults.LimitExceeded):
        batches.import_list(made.teacher, made.course, entries(ENGLISH))
    with pytest.raises(faults.InvalidState):
        batches.import_list(made.teacher, made.course, entries("username,name\nkim,Kim\n"))
    with pytest.raises(faults.NoPermission):
        batches.import_list(make_teacher("other"), made.course, entries(ENGLISH))
    assert get_user_model().objects.count() == users + 1
    assert not Membership.objects.exists()


@pytest.mark.django_db
def test_with_a_first_password_there_is_only_the_page_that_changes_it() -> None:
    made = make_class(0)
    password = imported(made)[0].password
    client = Client()
    login: dict[str, Any] = {"username": "minji@school.kr", "password": password}
    client.post("/login/", login)
    for page in ("/", "/classroom/", "/tasks/", "/preferences/"):
        answer = client.get(page)
        assert (answer.status_code, answer["Location"]) == (302, "/password/"), page
    assert client.get("/tree/", headers={"Sec-Fetch-Mode": "cors"}).status_code == 204
    assert client.get("/password/").status_code == 200
    new = "correct-horse-battery"
    client.post("/password/", {"old_password": password, "new_password1": new, "new_password2": new})
    assert client.get("/").status_code == 200
    again = Client()
    again.post("/login/", {**login, "password": new})
    assert again.get("/").status_code == 200


@pytest.mark.django_db
def test_a_teacher_renews_passwords_of_class_accounts_alone() -> None:
    made = make_class(0)
    imported(made)
    outsider = make_user("grown-up")
    courses.join(outsider, made.course.code)
    mine, _other, grown_up = made.memberships
    renewed = rosters.renew_password(made.teacher, mine)
    assert get_user_model().objects.get(pk=mine.user.pk).check_password(renewed.password)
    with pytest.raises(faults.InvalidState):
        rosters.renew_password(made.teacher, grown_up)
    colleague = make_teacher("colleague")
    other = courses.create(colleague, name="Elsewhere")
    courses.join(mine.user, other.code)
    with pytest.raises(faults.InvalidState):
        rosters.renew_password(made.teacher, mine)
    assert FirstPassword.objects.count() == 2


@pytest.mark.django_db
def test_a_join_code_is_forgiving_and_can_be_closed() -> None:
    made = make_class(0)
    student, code = make_user("late"), made.course.code
    assert courses.join(student, f" {code[:4].lower()}-{code[4:]} ").course == made.course
    assert courses.join(student, code).pk == courses.join(student, code).pk
    courses.renew_code(made.teacher, made.course)
    other = make_user("later")
    with pytest.raises(faults.NotFound):
        courses.join(other, code)
    courses.edit(made.teacher, made.course, joinable=False)
    made.course.refresh_from_db()
    with pytest.raises(faults.NotFound):
        courses.join(other, made.course.code)
