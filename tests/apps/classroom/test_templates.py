"""Templates from inventory files: what was typed is kept, problems name their lines, hostile files are refused."""

from __future__ import annotations

import pytest
from django.test import Client

from classroom.models import LabTemplate
from classroom.services import sources
from domain import faults
from inventory.exchange import places, safe
from inventory.services import exchange
from tests.apps.classroom.people import Class, make_class

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Class:
    return make_class(1, with_labs=True)


@pytest.fixture
def text(made: Class) -> str:
    """The inventory of a lab, as the export writes it."""
    return safe.dump(exchange.told(made.students[0], made.labs[0].vcenter))


def post(made: Class, inventory: str) -> tuple[int, str]:
    client = Client()
    client.force_login(made.teacher)
    form = {"name": "Of mine", "description": "kept", "speed": 0, "inventory": inventory}
    answer = client.post(f"/classroom/{made.course.pk}/template/file/", form)
    return answer.status_code, answer.content.decode()


def line_of(text: str, needle: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), 1) if needle in line)


def test_every_problem_of_a_file_is_said_with_its_line_and_what_was_typed_stays(made: Class, text: str) -> None:
    broken = text.replace("memory_mib:", "memory_mb:", 1).replace("archetype:", "kerne:", 1)
    status, answer = post(made, broken)
    assert status == 422
    for needle in ("memory_mb:", "kerne:"):
        assert f"line {line_of(broken, needle)}, " in answer, needle
    assert 'value="Of mine"' in answer
    assert "kerne:" in answer
    assert not LabTemplate.objects.filter(name="Of mine").exists()
    assert post(made, text)[0] == 202


def test_a_syntax_error_names_its_line(made: Class, text: str) -> None:
    lines = text.split("\n")
    lines.insert(4, "  - : [")
    status, answer = post(made, "\n".join(lines))
    assert status == 422
    assert "(line " in answer


@pytest.mark.parametrize(
    "hostile",
    [
        "a: &a [x, x]\nb: [*a, *a]\n",
        "!!python/object/apply:os.system [ls]\n",
        "[" * 3000,
        "a: " + "x" * 20_000,
        "a: 2020-01-01\n",
        "a: .nan\n",
        "1: 2\n",
        "- 1\n",
        "a: \udcff\n",
        "format: 1\nname: [a]\n",
        "",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_files_are_refused_in_words(made: Class, hostile: str) -> None:
    with pytest.raises(faults.InvalidArgument):
        sources.size_of(hostile)
    if "\udcff" not in hostile:
        assert post(made, hostile)[0] == 422


def test_a_file_that_is_too_large_is_refused_before_it_is_read(made: Class) -> None:
    with pytest.raises(faults.InvalidArgument, match="larger"):
        sources.document_of("x" * (sources.FILE_MAX + 1))
    assert post(made, "가" * (sources.FILE_MAX // 3 + 1))[0] in (413, 422)


def test_a_place_that_is_missing_has_the_line_of_what_it_lies_in() -> None:
    lines = places.lines_of("a: 1\nb:\n  - name: x\n    c: 2\n  - name: y\n")
    assert [places.line_at(lines, place) for place in ("a", "b[1].c", "b[2].d", "b[2].d[3].e", "b", "z")] == [
        1, 4, 5, 5, 2, None,
    ]  # fmt: skip
