"""Recorded CPU and memory use of virtual machines: the values and their loaders.

Three files are understood, each told apart by its name's ending and its keys:

* ``.npz`` with ``cpu`` (percent, [VM x sample]) and ``name``: PlanetLab's CoMon days as in Beloglazov & Buyya 2012;
* ``.npz`` with ``cpu_mhz``, ``mem_mib``, ``cores``, ``cap_mhz``, ``mem_cap_mib``: Bitbrains (Shen et al. 2015);
* ``.csv`` with the header ``t_s,cpu_pct[,mem_pct]``: one VM, any step.

A file may come from anyone: nothing is unpickled, and the size of every array is checked before memory is taken for it.
"""

from __future__ import annotations

import csv
import math
import re
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from domain.text import _

STEP_S = 300.0  # both archives are sampled every five minutes
MAX_FILE_BYTES = 256 * 2**20
MAX_ARRAY_BYTES = 512 * 2**20
MAX_VMS = 50_000
MAX_CSV_ROWS = 1_000_000
MAX_SAMPLES = 2**26
MIN_SAMPLES = 2
MAX_UNPACKED_BYTES = 2**30
MAX_DIRECTORY_BYTES = 2**16  # of an archive that has a handful of arrays
MAX_NAME = 200
MAX_CORES, MAX_MHZ, MAX_MIB = 100_000, 1e9, 1e9
# What numpy writes; other packings may ask for gigabytes before the first byte comes out.
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
              MemoryError)  # fmt: skip

FloatArray = NDArray[np.float32]
CpuArray = NDArray[np.float32] | NDArray[np.uint8]


class TraceError(ValueError):
    """A trace file cannot be used. ``template`` and ``fields`` let a page translate it; ``str()`` is English."""

    def __init__(self, template: str, **fields: object) -> None:
        super().__init__(template % fields)
        self.template = template
        self.fields = fields


@dataclass(frozen=True)
class TraceSet:
    """Use of n VMs over T samples, one sample every ``step_s`` seconds.

    ``cpu_pct`` [n, T] is percent (0..100) of what the VM was given; ``mem_pct`` [n, T] likewise, or None if unknown.
    ``cores`` [n], ``cap_mhz`` [n] (all cores together) and ``mem_cap_mib`` [n] are what the VM was given, or None.
    ``office``: who replays this lays the working hours of its own kind of guest over the recorded samples.
    """

    names: tuple[str, ...]
    step_s: float
    cpu_pct: CpuArray
    mem_pct: FloatArray | None = None
    cores: NDArray[np.int64] | None = None
    cap_mhz: FloatArray | None = None
    mem_cap_mib: FloatArray | None = None
    source: str = ""
    office: bool = False

    def __post_init__(self) -> None:
        if self.cpu_pct.ndim != 2 or len(self.names) != self.cpu_pct.shape[0]:
            raise TraceError(_("%(source)s: one name is needed for each row of CPU samples"), source=self.source)

    @property
    def vm_count(self) -> int:
        """Number of VMs, n."""
        return int(self.cpu_pct.shape[0])

    @property
    def sample_count(self) -> int:
        """Number of samples of each VM, T."""
        return int(self.cpu_pct.shape[1])

    @property
    def duration_s(self) -> float:
        """Time covered, from the first sample to the end of the last one's step."""
        return self.sample_count * self.step_s

    def window(self, start: int, stop: int) -> TraceSet:
        """The same VMs over samples ``start`` to ``stop`` (exclusive), as views: no sample is copied."""
        mem_pct = None if self.mem_pct is None else self.mem_pct[:, start:stop]
        return TraceSet(
            self.names, self.step_s, self.cpu_pct[:, start:stop], mem_pct,
            self.cores, self.cap_mhz, self.mem_cap_mib, self.source, self.office,
        )  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What a file may ask for: bytes once unpacked, and values in one array of samples."""

    unpacked_bytes: int = MAX_UNPACKED_BYTES
    samples: int = MAX_SAMPLES


USUAL = Limits()


def load_traces(path: str | Path, limits: Limits = USUAL) -> TraceSet:
    """Load any file this module understands, within `limits`. Raises TraceError."""
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        return load_npz(path, limits)
    if suffix == ".csv":
        return load_csv(path)
    raise TraceError(_("%(source)s: a trace is a .npz or a .csv file"), source=Path(path).name)


def load_npz(path: str | Path, limits: Limits = USUAL) -> TraceSet:
    """Load a PlanetLab or Bitbrains archive (keys in the module's text). Raises TraceError naming the key at fault."""
    file = _checked(path)
    try:
        if _directory_bytes(file) > MAX_DIRECTORY_BYTES:
            raise TraceError(_("%(source)s: the archive has too many files in it"), source=file.name)
        with zipfile.ZipFile(file) as archive:
            if sum(info.file_size for info in archive.infolist()) > limits.unpacked_bytes:
                raise _too_large(file.name, limits.unpacked_bytes)
            arrays = _Arrays(archive, file.name, limits.samples)
            return _planetlab(arrays) if "cpu" in arrays else _bitbrains(arrays)
    except TraceError:
        raise
    except UNREADABLE as error:
        raise TraceError(
            _("%(source)s: not a readable .npz archive (%(reason)s)"), source=file.name, reason=error
        ) from error


def load_csv(path: str | Path) -> TraceSet:
    """Load one VM's ``t_s,cpu_pct[,mem_pct]``; uneven times are interpolated onto their median step.

    Raises TraceError naming the line at fault (the header is line 1).
    """
    file = _checked(path)
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = _csv_rows(lines, file.name)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise TraceError(
            _("%(source)s: not a readable CSV file (%(reason)s)"), source=file.name, reason=error
        ) from error
    step_s, grid_s = _even_grid(rows[:, 0], file.name)
    columns = [np.interp(grid_s, rows[:, 0], column).astype(np.float32)[np.newaxis] for column in rows[:, 1:].T]
    return TraceSet((file.stem,), step_s, columns[0], columns[1] if len(columns) > 1 else None, source=file.stem)


def _checked(path: str | Path) -> Path:
    file = Path(path)
    if not file.is_file():
        raise TraceError(_("%(source)s: no such file"), source=file.name)
    if file.stat().st_size > MAX_FILE_BYTES:
        raise _too_large(file.name, MAX_FILE_BYTES)
    return file


def _too_large(source: str, limit_bytes: int) -> TraceError:
    return TraceError(_("%(source)s: larger than %(limit_mib)d MiB"), source=source, limit_mib=limit_bytes // 2**20)


_END, _END_64, _END_SIZE, _LOCATOR_SIZE, _COMMENT_MOST = b"PK\5\6", b"PK\6\7", 22, 20, 2**16


def _directory_bytes(file: Path) -> int:
    """The largest table of contents that the end of an archive may mean: all of it is read before anything is checked.

    An archive of the kind that has no such limit counts as beyond any.
    """
    with file.open("rb") as data:
        data.seek(max(0, file.stat().st_size - _END_SIZE - _COMMENT_MOST))
        tail = data.read()
    ends = [found.start() for found in re.finditer(_END, tail) if found.start() + _END_SIZE <= len(tail)]
    if any(tail.startswith(_END_64, max(0, at - _LOCATOR_SIZE)) for at in ends):
        return 2**63
    return max((int(struct.unpack_from("<L", tail, at + 12)[0]) for at in ends), default=0)


class _Arrays:
    """The arrays of one archive, each header checked before its data is read."""

    def __init__(self, archive: zipfile.ZipFile, source: str, most: int) -> None:
        self._archive, self.source, self._most = archive, source, most
        self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def error(self, key: str, reason: str) -> TraceError:
        return TraceError(_("%(source)s: array %(key)s %(reason)s"), source=self.source, key=key, reason=reason)

    def read(self, key: str, kinds: str, ndim: int) -> NDArray[Any]:
        """Array ``key`` if its dtype is of one of ``kinds`` (numpy's letters) and it has ``ndim`` axes."""
        if key not in self._members:
            raise self.error(key, "is missing")
        info = self._members[key]
        if info.file_size > MAX_ARRAY_BYTES:
            raise self.error(key, f"is larger than {MAX_ARRAY_BYTES // 2**20} MiB")
        if info.compress_type not in PACKINGS:
            raise self.error(key, "is packed in a way that is not taken here; numpy.savez_compressed packs well")
        with self._archive.open(info) as member:
            self._check_header(key, member, info.file_size, kinds, ndim)
        with self._archive.open(info) as member:
            return np.asarray(np.lib.format.read_array(member, allow_pickle=False))

    def _check_header(self, key: str, member: IO[bytes], file_size: int, kinds: str, ndim: int) -> None:
        try:
            version = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _fortran, dtype = read(member)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError) as error:
            raise self.error(key, "has no valid header") from error
        if dtype.hasobject or dtype.kind not in kinds:
            raise self.error(key, f"has type {dtype}, which is not allowed here")
        if len(shape) != ndim:
            raise self.error(key, f"has {len(shape)} axes, {ndim} expected")
        if math.prod(shape) * dtype.itemsize != file_size - member.tell():
            raise self.error(key, "promises another size than it has")
        if min(shape) < 0 or math.prod(shape) > self._most:
            raise self.error(key, f"has shape {shape}: {self._most} values at most")

    def samples(self, key: str) -> NDArray[Any]:
        """A [VM x sample] array of finite numbers not below zero."""
        values = self.read(key, "uif", 2)
        if not (1 <= values.shape[0] <= MAX_VMS and values.shape[1] >= MIN_SAMPLES and values.size <= MAX_SAMPLES):
            raise self.error(key, f"has shape {values.shape}: needs 1..{MAX_VMS} VMs and two samples or more")
        self._check_range(key, values)
        return values

    def column(self, key: str, kinds: str, length: int) -> NDArray[Any]:
        """An array with one value for each of ``length`` VMs."""
        values = self.read(key, kinds, 1)
        if len(values) != length:
            raise self.error(key, f"has {len(values)} values for {length} VMs")
        if values.dtype.kind in "uif":
            self._check_range(key, values)
        return values

    def _check_range(self, key: str, values: NDArray[Any]) -> None:
        if not np.isfinite(values).all() or values.min() < 0:
            raise self.error(key, "holds a value that is negative or not a number")

    def sizes(self, key: str, kinds: str, length: int, most: float) -> NDArray[Any]:
        """What each VM was given, none of it more than any machine has."""
        values = self.column(key, kinds, length)
        if values.max() > most:
            raise self.error(key, f"holds more than {most:g}")
        return values


def _planetlab(arrays: _Arrays) -> TraceSet:
    cpu = arrays.samples("cpu")
    if cpu.max() > 100:
        raise arrays.error("cpu", "holds more than 100 percent")
    names = tuple(str(name)[:MAX_NAME] for name in arrays.column("name", "U", len(cpu)))
    cpu_pct = cpu if cpu.dtype == np.uint8 else cpu.astype(np.float32)
    return TraceSet(names, STEP_S, cpu_pct, source=Path(arrays.source).stem)


def _bitbrains(arrays: _Arrays) -> TraceSet:
    cpu_mhz = arrays.samples("cpu_mhz")
    n = len(cpu_mhz)
    cap_mhz = arrays.sizes("cap_mhz", "uif", n, MAX_MHZ).astype(np.float32)
    mem_cap_mib = arrays.sizes("mem_cap_mib", "uif", n, MAX_MIB).astype(np.float32)
    cores = arrays.sizes("cores", "ui", n, MAX_CORES).astype(np.int64)
    mem_mib = arrays.samples("mem_mib")
    if mem_mib.shape != cpu_mhz.shape:
        raise arrays.error("mem_mib", f"has shape {mem_mib.shape}, cpu_mhz has {cpu_mhz.shape}")
    names = [f"vm-{number}" for number in (arrays.column("vm", "ui", n) if "vm" in arrays else range(1, n + 1))]
    return TraceSet(
        tuple(names), STEP_S, _percent_of(cpu_mhz, cap_mhz), _percent_of(mem_mib, mem_cap_mib),
        cores, cap_mhz, mem_cap_mib, Path(arrays.source).stem,
    )  # fmt: skip


def _percent_of(used: NDArray[Any], given: FloatArray) -> FloatArray:
    """Percent used of what was given, at most 100: the archive has rare samples a little above what was provisioned."""
    return np.minimum(used.astype(np.float32) * (100 / np.maximum(given, 1))[:, np.newaxis], 100).astype(np.float32)


def _csv_rows(lines: IO[str], source: str) -> NDArray[np.float64]:
    reader = csv.reader(lines)
    header = [cell.strip() for cell in next(reader, [])]
    if header not in (["t_s", "cpu_pct"], ["t_s", "cpu_pct", "mem_pct"]):
        raise TraceError(_("%(source)s, line 1: the header must be t_s,cpu_pct[,mem_pct]"), source=source)
    rows: list[list[float]] = []
    for cells in reader:
        if not cells:
            continue
        rows.append(_csv_row(cells, len(header), rows[-1][0] if rows else -math.inf, source, reader.line_num))
        if len(rows) > MAX_CSV_ROWS:
            raise TraceError(_("%(source)s: more than %(limit)d lines"), source=source, limit=MAX_CSV_ROWS)
    if len(rows) < MIN_SAMPLES:
        raise TraceError(_("%(source)s: two samples or more are needed"), source=source)
    return np.array(rows)


def _csv_row(cells: list[str], width: int, previous_t_s: float, source: str, line: int) -> list[float]:
    def refuse(reason: str) -> TraceError:
        return TraceError(_("%(source)s, line %(line)d: %(reason)s"), source=source, line=line, reason=reason)

    if len(cells) != width:
        raise refuse(f"{len(cells)} columns, {width} expected")
    try:
        row = [float(cell) for cell in cells]
    except ValueError as error:
        raise refuse("not a number") from error
    if not all(math.isfinite(value) for value in row):
        raise refuse("not a finite number")
    if row[0] <= previous_t_s:
        raise refuse("the time does not increase")
    if not all(0 <= value <= 100 for value in row[1:]):
        raise refuse("a percentage is outside 0..100")
    return row


def _even_grid(times_s: NDArray[np.float64], source: str) -> tuple[float, NDArray[np.float64]]:
    with np.errstate(all="ignore"):  # times at the ends of what a float holds
        step_s = float(np.median(np.diff(times_s)))
        steps = float(np.float64(times_s[-1] - times_s[0]) / step_s)
    samples = int(steps + 1e-9) + 1 if math.isfinite(steps) else MAX_CSV_ROWS + 1
    if samples > MAX_CSV_ROWS:
        raise TraceError(
            _("%(source)s: the times spread over more than %(limit)d steps"), source=source, limit=MAX_CSV_ROWS
        )
    return step_s, times_s[0] + step_s * np.arange(samples)
