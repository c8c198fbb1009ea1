"""Which permissions decide, against the rules written out one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.grants import Grant, deciding, strongest, union

OBJECTS = ("vm", "folder", "pool", "cluster", "root")
POOLS = ("vm", "pool", "cluster", "root")
grants_lists = st.lists(
    st.builds(
        Grant,
        entity=st.sampled_from(OBJECTS),
        principal=st.just("someone"),
        personal=st.booleans(),
        role=st.just("role"),
        privileges=st.frozensets(st.sampled_from("abc")),
        propagate=st.booleans(),
    ),
    max_size=8,
)


def by_entity(grants: list[Grant]) -> dict[str, list[Grant]]:
    return {name: [grant for grant in grants if grant.entity == name] for name in OBJECTS}


def along(chain: tuple[str, ...], grants: list[Grant]) -> frozenset[str]:
    """The rule in words: go up; the first object with a valid grant decides; personal ones silence the groups'."""
    for entity in chain:
        valid = [g for g in grants if g.entity == entity and (g.propagate or entity == chain[0])]
        mine = [g for g in valid if g.personal]
        if valid:
            return frozenset(p for g in (mine or valid) for p in g.privileges)
    return frozenset()


@given(grants_lists)
def test_what_decides_lies_on_one_object_and_is_of_one_sort(grants: list[Grant]) -> None:
    decisive = deciding(POOLS, by_entity(grants))
    assert len({(grant.entity, grant.personal) for grant in decisive}) <= 1
    assert union(decisive) == along(POOLS, grants)


@given(grants_lists)
def test_only_what_propagates_reaches_below(grants: list[Grant]) -> None:
    assert all(grant.propagate for grant in strongest(grants, below=True))
