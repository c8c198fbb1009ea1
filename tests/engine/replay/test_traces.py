"""Trace and testbed files from anyone: what is good loads, what is not is refused with the place of the fault."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.testbed import TestbedError, load_testbed
from domain.traces import Limits, TraceError, load_csv, load_npz, load_traces
from tests.engine.replay import hostile
from tests.engine.replay.cases import TESTBED, write_testbed


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def good() -> dict[str, Any]:
    return {"cpu": np.array([[1, 2, 3], [99, 0, 50]], dtype=np.uint8), "name": np.array(["a", "b"])}


def sized() -> dict[str, Any]:
    return {
        "cpu_mhz": np.array([[100, 200, 5000]], dtype=np.uint16),
        "mem_mib": np.array([[512, 1024, 2048]], dtype=np.uint32),
        "cores": np.array([2], dtype=np.uint8),
        "cap_mhz": np.array([4000], dtype=np.float32),
        "mem_cap_mib": np.array([2048], dtype=np.float32),
    }


def test_a_day_of_percentages_loads_as_it_is(tmp_path: Path) -> None:
    traces = load_traces(npz(tmp_path / "day.npz", **good()))
    assert traces.names == ("a", "b")
    assert traces.cpu_pct.tolist() == [[1, 2, 3], [99, 0, 50]]
    assert (traces.vm_count, traces.sample_count, traces.step_s, traces.source) == (2, 3, 300.0, "day")
    assert traces.mem_pct is None


def test_megahertz_become_percent_of_what_was_given_and_never_more_than_all(tmp_path: Path) -> None:
    traces = load_npz(npz(tmp_path / "month.npz", **sized()))
    assert traces.cpu_pct.tolist() == [[2.5, 5.0, 100.0]]
    assert traces.mem_pct is not None
    assert traces.mem_pct.tolist() == [[25.0, 50.0, 100.0]]
    assert traces.cores is not None
    assert traces.cores.tolist() == [2]


def test_a_window_is_a_view_of_the_same_samples(tmp_path: Path) -> None:
    traces = load_npz(npz(tmp_path / "day.npz", **good()))
    part = traces.window(1, 3)
    assert part.cpu_pct.tolist() == [[2, 3], [0, 50]]
    assert np.shares_memory(part.cpu_pct, traces.cpu_pct)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": np.array(["a"])}, "array name has 1 values for 2 VMs"),
        ({"name": np.array([1, 2])}, "array name has type int64"),
        ({"cpu": np.array([1, 2, 3], dtype=np.uint8)}, "array cpu has 1 axes, 2 expected"),
        ({"cpu": np.array([[101, 2], [3, 4]], dtype=np.uint8)}, "array cpu holds more than 100 percent"),
        ({"cpu": np.array([[-1.0, 2], [3, 4]])}, "array cpu holds a value that is negative"),
        ({"cpu": np.array([[np.nan, 2], [3, 4]])}, "not a number"),
        ({"cpu": np.array([[1], [2]], dtype=np.uint8)}, "two samples or more"),
        ({"cpu": np.zeros((0, 5), dtype=np.uint8), "name": np.array([], dtype="U1")}, "needs 1..50000 VMs"),
    ],
)
def test_a_broken_array_is_named(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TraceError, match=sentence) as caught:
        load_npz(npz(tmp_path / "day.npz", **{**good(), **change}))
    assert caught.value.fields["source"] == "day.npz"
    assert caught.value.template % caught.value.fields == str(caught.value)


@pytest.mark.parametrize("key", sorted(sized()))
def test_a_missing_array_is_named(tmp_path: Path, key: str) -> None:
    arrays = sized()
    del arrays[key]
    with pytest.raises(TraceError, match=f"array {key} is missing"):
        load_npz(npz(tmp_path / "month.npz", **arrays))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return (Path.touch, (marker,))  # type: ignore[return-value]

    bomb = np.empty((1, 2), dtype=object)
    bomb[:] = Bomb()
    path = npz(tmp_path / "bomb.npz", cpu=bomb, name=np.array(["a"]))
    with pytest.raises(TraceError, match="array cpu"):
        load_npz(path)
    assert not marker.exists()


def header_only(shape: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return out.getvalue()


def test_an_array_that_promises_more_than_it_has_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cpu.npy", header_only((10**6, 10**6)))
    with pytest.raises(TraceError, match="array cpu promises another size than it has"):
        load_npz(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x93NUMPY" + bytes(50)])
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "day.npz"
    path.write_bytes(content)
    with pytest.raises(TraceError, match="not a readable"):
        load_npz(path)


def test_a_member_with_a_broken_header(tmp_path: Path) -> None:
    path = tmp_path / "day.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cpu.npy", b"not an array at all")
    with pytest.raises(TraceError, match="array cpu has no valid header"):
        load_npz(path)


def test_no_file_and_no_known_ending(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no such file"):
        load_traces(tmp_path / "none.npz")
    with pytest.raises(TraceError, match=r"a trace is a \.npz or a \.csv file"):
        load_traces(tmp_path / "day.txt")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "vm.csv"
    path.write_text(text)
    return path


def test_uneven_times_are_interpolated_onto_their_median_step(tmp_path: Path) -> None:
    traces = load_csv(written(tmp_path, "t_s,cpu_pct,mem_pct\n0,0,10\n60,6,10\n180,30,40\n240,36,40\n"))
    assert traces.step_s == 60.0
    assert traces.cpu_pct.tolist() == [[0, 6, 18, 30, 36]]
    assert traces.mem_pct is not None
    assert traces.mem_pct.tolist() == [[10, 10, 25, 40, 40]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the header must be"),
        ("time,cpu\n", "line 1: the header must be"),
        ("t_s,cpu_pct\n0,1\n", "two samples or more"),
        ("t_s,cpu_pct\n0,1\n60\n", "line 3: 1 columns, 2 expected"),
        ("t_s,cpu_pct\n0,1\n60,x\n", "line 3: not a number"),
        ("t_s,cpu_pct\n0,1\n60,nan\n", "line 3: not a finite number"),
        ("t_s,cpu_pct\n0,1\n60,101\n", "line 3: a percentage is outside"),
        ("t_s,cpu_pct\n60,1\n60,2\n", "line 3: the time does not increase"),
        ("t_s,cpu_pct\n0,1\n0.001,1\n0.002,1\n1e9,1\n", "spread over more than"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(TraceError, match=sentence):
        load_csv(written(tmp_path, text))


def test_a_csv_file_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "vm.csv"
    path.write_bytes(b"\xff\xfe\x00t_s")
    with pytest.raises(TraceError, match="not a readable CSV file"):
        load_csv(path)


def test_a_testbed_loads_as_written(tmp_path: Path) -> None:
    loaded = load_testbed(write_testbed(tmp_path / "hosts.json"))
    assert loaded == TESTBED
    assert [host.name for host in loaded.benchmark_hosts()[:3]] == ["G4", "G5", "G4"]


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda c: c.pop("hosts"), "hosts must be an object"),
        (lambda c: c["hosts"]["G4"].update(W=[1, 2]), "G4.W must be 11 watts"),
        (lambda c: c["hosts"]["G4"]["W"].reverse(), "G4.W must be 11 watts that never fall"),
        (lambda c: c["hosts"]["G4"].update(ram_mib=0), "G4.ram_mib must be a number above zero"),
        (lambda c: c["hosts"]["G4"].update(cores=True), "G4.cores must be a number above zero"),
        (lambda c: c["hosts"]["G4"].update(n_in_benchmark=-1), "G4.n_in_benchmark must be a count"),
        (lambda c: c["vms"].update(mips=[1]), "vms needs as many ram_mib as mips"),
        (lambda c: [host.update(n_in_benchmark=0) for host in c["hosts"].values()], "no host model has n_in_benchmark"),
    ],
)
def test_a_broken_entry_of_a_testbed_is_named(tmp_path: Path, break_it: Any, sentence: str) -> None:
    path = write_testbed(tmp_path / "hosts.json")
    content = json.loads(path.read_text())
    break_it(content)
    path.write_text(json.dumps(content))
    with pytest.raises(TestbedError, match=sentence):
        load_testbed(path)


def test_a_testbed_that_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "hosts.json"
    path.write_text("[" * 100_000)
    with pytest.raises(TestbedError, match="not JSON"):
        load_testbed(path)


# --- what strangers send ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(hostile.FILES))
def test_a_hostile_file_is_refused_in_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(hostile.FILES[name]())
    with pytest.raises(TraceError) as refused:
        load_traces(path)
    assert refused.value.template % refused.value.fields == str(refused.value)
    assert name in str(refused.value)


def test_a_file_may_unpack_to_no_more_than_its_reader_allows(tmp_path: Path) -> None:
    path = npz(tmp_path / "day.npz", cpu=np.zeros((100, 1000), np.uint8), name=np.array(["a"] * 100))
    assert load_traces(path).sample_count == 1000
    with pytest.raises(TraceError, match="larger than 0 MiB"):
        load_traces(path, Limits(unpacked_bytes=50_000))
    with pytest.raises(TraceError, match="50000 values at most"):
        load_traces(path, Limits(samples=50_000))


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    path = npz(tmp_path / "day.npz", **{**good(), "name": np.array(["a" * 10_000, "b"])})
    assert [len(name) for name in load_traces(path).names] == [200, 1]
