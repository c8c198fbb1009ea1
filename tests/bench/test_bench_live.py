"""The benchmark of live push runs, and nothing is lost."""

import json
import subprocess
import sys

import pytest

from vsphere_web.env import BASE_DIR

pytestmark = pytest.mark.bench
KEYS = {"clients", "rate_hz", "payload_bytes", "p50_ms", "p99_ms", "lost", "cpu_ms_per_message"}


def test_every_client_hears_every_message() -> None:
    command = [sys.executable, str(BASE_DIR / "manage.py"), "bench_live"]
    said = ["--clients=12", "--rate=2", "--seconds=2", "--json"]
    done = subprocess.run([*command, *said], stdout=subprocess.PIPE, text=True, check=True, timeout=900)
    report = json.loads(done.stdout)
    assert [row["path"] for row in report["rows"]] == ["product", "raw handler", "AsyncWebsocketConsumer"]
    for row in report["rows"]:
        assert row.keys() >= KEYS
        assert row["lost"] == 0
        assert row["payload_bytes"] > 4000
        assert row["p50_ms"] <= row["p99_ms"]
    assert report["machine"]["cores"] >= 1
