"""Blobs of newest figures that a process has read already: never older than what lies in Valkey."""

import numpy as np
import pytest
import redis as redis_py
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.counters import ROWS
from inventory import redis
from inventory.metrics.kept import LARGE_BYTES, Kept
from inventory.metrics.latest import Latest, encode

SMALL, LARGE = 3, LARGE_BYTES // (4 * len(ROWS["vm"])) + 1  # slots


def blob(time_s: float, slots: int) -> bytes:
    arrays = {kind: np.full((len(keys), slots), time_s, np.float32) for kind, keys in ROWS.items()}
    return encode(Latest.of_arrays(time_s, arrays))


class Counting(redis_py.Redis):
    """A real client that knows which commands went over the wire."""

    def execute_command(self, *args, **options):
        self.asked = [*getattr(self, "asked", []), args[0]]
        return super().execute_command(*args, **options)


@pytest.fixture
def client(settings) -> Counting:
    redis.patient().flushdb()
    return Counting.from_url(settings.REDIS_URL)


@pytest.mark.parametrize(("slots", "again"), [(LARGE, "GETRANGE"), (SMALL, "GET")])
def test_what_is_large_is_fetched_once(client, slots, again):
    kept, written = Kept(), blob(20.0, slots)
    client.set("live:a", written)
    assert kept.get(client, "live:a") == written
    client.asked = []
    assert kept.get(client, "live:a") == written
    assert client.asked == [again]


@limits(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["record", "again", "rewind", "drop", "read"]),
            st.sampled_from(["live:a", "live:b", "live:c"]),
            st.sampled_from([SMALL, LARGE]),
        ),
        max_size=30,
    )
)
def test_nobody_reads_what_does_not_lie_there_any_more(client, deeds):
    kept, time_s = Kept(most=2), 0.0
    for deed, key, slots in deeds:
        if deed == "record":
            time_s += 20.0
            client.set(key, blob(time_s, slots))
        elif deed == "again":  # the same moment of the lab, recorded a second time
            client.set(key, blob(time_s, slots))
        elif deed == "rewind":
            time_s = 0.0
            client.set(key, blob(time_s, slots))
        elif deed == "drop":
            client.delete(key)
        assert kept.get(client, key) == client.get(key)
        assert len(kept._blobs) <= 2
