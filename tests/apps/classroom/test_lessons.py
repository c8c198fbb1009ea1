"""Every lesson: its model solution gets all points, a plausible wrong way gets what it deserves."""

from __future__ import annotations

import re

import pytest

from classroom.exercises import lessons, markdown
from classroom.models import Attempt, StepResult
from tests.apps.classroom.stage import ClassStage, lesson_stage

SLUGS = list(lessons.lessons())


def done(stage: ClassStage) -> list[str]:
    attempt = Attempt.objects.get(lab=stage.lab)
    return list(attempt.results.filter(state=StepResult.DONE).order_by("id").values_list("step", flat=True))


def unsolved(stage: ClassStage) -> object:
    return list(StepResult.objects.exclude(state=StepResult.DONE).values_list("step", "seen")[:1])


def test_the_eight_lessons_are_there_in_their_order():
    assert SLUGS == [
        "virtualization", "create-and-edit", "contention", "vmotion", "maintenance", "drs-rules", "dpm-day",
        "ha-failover",
    ]  # fmt: skip


@pytest.mark.parametrize("slug", SLUGS)
def test_texts_are_whole_in_both_languages(slug):
    lesson = lessons.lessons()[slug]
    assert lesson.points == 100
    for language in ("en", "ko"):
        body = lesson.body.words[language]
        assert len(body) > 600, language
        assert "<h2>" in markdown.render(body)


PARTICLE_APART = re.compile(
    r"(?:[A-Za-z0-9`}]|[A-Za-z0-9가-힣]\*{1,2}) "
    r"(?:과|와|에|에서|을|를|은|는|이|가|의|로|으로|도|에게|부터|까지|만|씩|입니다)(?=[ .,]|$)", re.M
)  # fmt: skip


@pytest.mark.parametrize("slug", SLUGS)
def test_korean_particles_are_written_to_their_word(slug):
    for path in (lessons.FOLDER / slug).iterdir():
        if path.name in ("lesson.yaml", "text.ko.md"):
            assert not PARTICLE_APART.findall(path.read_text(encoding="utf-8")), path.name


ON_A_HOST = re.compile(r"vm: \{[^}]*\bhost: \$")


@pytest.mark.parametrize("slug", SLUGS)
def test_where_a_step_names_the_host_of_a_new_machine_drs_does_not_choose_another(slug):
    """Powered on where it was created, a machine would be placed elsewhere, and its student could not see why."""
    steps = (lessons.FOLDER / slug / "lesson.yaml").read_text(encoding="utf-8").partition("\nsteps:")[2]
    cluster = lessons.lessons()[slug].start.get("cluster", {})
    made = any(act.verb == "create_vm" for act in lessons.lessons()[slug].solution)
    if made and ON_A_HOST.search(steps.partition("\nsolution:")[0]):
        assert cluster.get("drs_enabled") is False or cluster.get("drs_automation") == "manual"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("slug", SLUGS)
def test_the_model_solution_gets_all_points(slug):
    stage = lesson_stage(slug)
    stage.begin(slug)
    assert done(stage) == []
    for act in lessons.lessons()[slug].solution:
        stage.play(act)
    attempt = Attempt.objects.get(lab=stage.lab)
    assert (attempt.state, attempt.points) == (Attempt.FINISHED, 100), unsolved(stage)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_wrong_way_gets_only_what_it_solved(slug):
    stage, lesson = lesson_stage(slug), lessons.lessons()[slug]
    stage.begin(slug)
    for act in lesson.wrong:
        stage.play(act)
    assert done(stage) == list(lesson.wrong_done)
    attempt = Attempt.objects.get(lab=stage.lab)
    earned = sum(step.points for step in lesson.steps if step.key in lesson.wrong_done)
    assert (attempt.state, attempt.points) == (Attempt.OPEN, earned)
