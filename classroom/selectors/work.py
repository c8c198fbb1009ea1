"""Work on a whole class, as a page of the course shows it: what runs, what waits, what became of what was before it."""

from __future__ import annotations

from dataclasses import dataclass

from classroom.models import Batch, Course

MOST_SHOWN = 24  # twice as many as can wait


@dataclass(frozen=True)
class ClassWork:
    """`waiting` in the order it will be done; `ended` are those of one busy stretch that left something to tell, the
    newest last. One that ended before the next was asked for is history."""

    running: Batch | None
    waiting: list[Batch]
    ended: list[Batch]
    newest: Batch | None
    done: int  # the number of the one that ended last, 0 where none has

    @property
    def state(self) -> str:
        """finished, or that of the work whose turn it is; "" where there never was any."""
        if self.running is not None:
            return self.running.state
        return Batch.FINISHED if self.newest is not None else ""


def class_work(course: Course) -> ClassWork:
    """One query."""
    rows = list(course.batches.select_related("by")[:MOST_SHOWN])
    stretch = rows[:1]
    for older in rows[1:]:
        if older.ended_at is not None and older.ended_at < stretch[-1].queued_at:
            break
        stretch.append(older)
    left = [one for one in reversed(stretch) if one.state != Batch.FINISHED]
    ended = [one for one in reversed(stretch) if one.state == Batch.FINISHED]
    return ClassWork(
        running=left[0] if left else None,
        waiting=left[1:],
        ended=[one for one in ended if one.errors or one.cancelled_by],
        newest=rows[0] if rows else None,
        done=max(((one.ended_at, one.pk) for one in rows if one.ended_at is not None), default=(None, 0))[1],
    )
