"""What a person has applied and what then had to wait: it stays applied when the next cycle says the same again.

Recommendations are made anew in every cycle, so the row that somebody applied may be gone before its prerequisites have
ended. Its successor, the row that asks for the same, is applied in the same name, with what it presupposes by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inventory.models import Cluster
from scheduler.models import Recommendation


def closed(rows: Sequence[Recommendation], chosen: Sequence[Recommendation]) -> list[Recommendation]:
    """The chosen ones with their prerequisites and the rest of their groups, in the order of `rows`."""
    by_key = {row.key: row for row in rows}
    wanted = list(chosen)
    for row in wanted:  # grows while it is walked
        more = [by_key[key] for key in row.prerequisites if key in by_key]
        more += [other for other in rows if row.group and other.group == row.group]
        wanted += [other for other in more if other not in wanted]
    return [row for row in rows if row in wanted]


def given(cluster: Cluster) -> dict[str, str]:
    """Who applied what still waits, by what it is about."""
    waiting = Recommendation.objects.filter(cluster=cluster, state=Recommendation.PENDING).exclude(applied_by="")
    return {row.about: row.applied_by for row in waiting}


def carry_over(rows: Sequence[Recommendation], approved: Mapping[str, str]) -> None:
    """Mark the successors among new `rows`, which are not stored yet."""
    for row in rows:
        who = approved.get(row.about, "")
        for one in closed(rows, [row]) if who else ():
            one.automatic, one.applied_by = True, who
