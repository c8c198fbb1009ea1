"""Trace files that a stranger might upload, each of which is to be refused with a sentence: name -> its bytes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

NAMES = np.array(["a", "b"])
PLAIN = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"


def archive(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def members(packing: int = zipfile.ZIP_DEFLATED, **parts: bytes) -> bytes:
    """An archive of members that need not be arrays."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as file:
        for name, data in parts.items():
            file.writestr(f"{name}.npy", data)
    return out.getvalue()


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """An array file of this header and four bytes of data."""
    plain = text.encode("latin-1")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(plain))
    return b"\x93NUMPY" + bytes(version) + size + plain + bytes(4)


def day(**changes: Any) -> bytes:
    return archive(**{"cpu": np.array([[1.0, 2], [3, 4]]), "name": NAMES, **changes})


def month(**changes: Any) -> bytes:
    arrays = {
        "cpu_mhz": np.array([[100, 200]], np.uint16), "mem_mib": np.array([[512, 1024]], np.uint32),
        "cores": np.array([2], np.uint8), "cap_mhz": np.array([4000.0]), "mem_cap_mib": np.array([2048.0]),
    }  # fmt: skip
    return archive(**{**arrays, **changes})


def damaged(at: int, by: bytes) -> bytes:
    """A good archive, some bytes of it replaced."""
    random = np.random.default_rng(1).integers(0, 99, (4, 400), np.uint8)
    data = bytearray(archive(cpu=random, name=np.array(["a"] * 4)))
    data[at : at + len(by)] = by
    return bytes(data)


def lying_directory() -> bytes:
    """A table of contents that is said to lie where none is."""
    data = bytearray(day())
    end = data.rfind(b"PK\5\6")
    data[end + 16 : end + 20] = struct.pack("<L", 3)
    return bytes(data)


def short_stream() -> bytes:
    """A member that ends before the array that its header promises."""
    whole = io.BytesIO()
    np.lib.format.write_array(whole, np.zeros((4, 1000), np.uint8))
    data = bytearray(members(cpu=whole.getvalue()[:500]))
    entry = data.rfind(b"PK\1\2")
    data[entry + 24 : entry + 28] = struct.pack("<L", len(whole.getvalue()))
    return bytes(data)


def crowd() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for number in range(2000):
            file.writestr(f"{number}.npy", b"")
    return out.getvalue()


def bomb() -> bytes:
    """Little data that is said to unpack to two gigabytes."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = packed.compress(bytes(2**24)) + packed.flush()
    data = bytearray(members(zipfile.ZIP_STORED, cpu=zeros))
    for signature, packing_at, size_at in ((b"PK\3\4", 8, 22), (b"PK\1\2", 10, 24)):
        entry = data.find(signature)
        data[entry + packing_at : entry + packing_at + 2] = struct.pack("<H", zipfile.ZIP_DEFLATED)
        data[entry + size_at : entry + size_at + 4] = struct.pack("<L", 2**31)
    return bytes(data)


def pickled() -> bytes:
    objects = np.empty((1, 2), dtype=object)
    objects[:] = {"a": 1}
    return archive(cpu=objects, name=NAMES[:1])


FILES: dict[str, Callable[[], bytes]] = {
    "empty.npz": lambda: b"",
    "empty.csv": lambda: b"",
    "text.npz": lambda: b"hello",
    "picture.npz": lambda: b"\x89PNG\r\n\x1a\n" + bytes(200),
    "other.npz": lambda: archive(weights=np.ones(3)),
    "pickled.npz": pickled,
    "bomb.npz": bomb,
    "crowd.npz": crowd,
    "directory.npz": lying_directory,
    "damaged.npz": lambda: damaged(120, bytes(200)),
    "cut.npz": lambda: day()[:150],
    "short.npz": short_stream,
    "lzma.npz": lambda: members(zipfile.ZIP_LZMA, cpu=header("{}")),
    "no-header.npz": lambda: members(cpu=b"not an array"),
    "nested-header.npz": lambda: members(cpu=header("(" * 5000)),
    "unclosed-header.npz": lambda: members(cpu=header("{'descr': '|u1', 'shape': ('''")),
    "huge-header.npz": lambda: members(cpu=header("{'a': '" + "x" * 60_000 + "'}")),
    "odd-version.npz": lambda: members(cpu=header("{}", (9, 9))),
    "negative-shape.npz": lambda: members(cpu=header(PLAIN % ("|u1", "(-1, -4)"))),
    "giant-shape.npz": lambda: members(cpu=header(PLAIN % ("|u1", "(1000000000, 1000000000)"))),
    "nothing-of-much.npz": lambda: members(cpu=header(PLAIN % ("|V0", "(1000000000000, 2)"))),
    "nan.npz": lambda: day(cpu=np.array([[np.nan, 2], [3, 4]])),
    "infinite.npz": lambda: day(cpu=np.array([[np.inf, 2], [3, 4]])),
    "negative.npz": lambda: day(cpu=np.array([[-1.0, 2], [3, 4]])),
    "percent.npz": lambda: day(cpu=np.array([[101.0, 2], [3, 4]])),
    "flat.npz": lambda: day(cpu=np.array([1.0, 2])),
    "complex.npz": lambda: day(cpu=np.array([[1j, 2], [3, 4]])),
    "words.npz": lambda: day(cpu=np.array([["a", "b"], ["c", "d"]])),
    "names.npz": lambda: day(name=np.array(["a"])),
    "numbers-as-names.npz": lambda: day(name=np.array([1, 2])),
    "no-names.npz": lambda: archive(cpu=np.array([[1.0, 2]])),
    "nan-month.npz": lambda: month(cpu_mhz=np.array([[np.nan, 1]])),
    "endless-mhz.npz": lambda: month(cap_mhz=np.array([1e300])),
    "endless-memory.npz": lambda: month(mem_cap_mib=np.array([1e300])),
    "many-cores.npz": lambda: month(cores=np.array([2**63], np.uint64)),
    "other-shape.npz": lambda: month(mem_mib=np.array([[1, 2, 3]], np.uint32)),
    "text.csv": lambda: "안녕하세요\n\n".encode(),
    "binary.csv": lambda: bytes(range(256)),
    "no-numbers.csv": lambda: b"t_s,cpu_pct\n0,busy\n300,idle\n",
    "one-line.csv": lambda: b"t_s,cpu_pct\n0,5\n",
    "nan.csv": lambda: b"t_s,cpu_pct\n0,5\n300,nan\n",
    "negative.csv": lambda: b"t_s,cpu_pct\n0,5\n300,-1\n",
    "huge.csv": lambda: b"t_s,cpu_pct\n0,5\n300," + b"9" * 400 + b"\n",
    "long-cell.csv": lambda: b"t_s,cpu_pct\n0," + b"1" * 200_000 + b"\n",
    "spread.csv": lambda: b"t_s,cpu_pct\n0,5\n1,5\n2,5\n1000000000000,5\n",
    "hair.csv": lambda: b"t_s,cpu_pct\n0,5\n5e-324,5\n1e-323,5\n1,5\n",
    "ends-of-time.csv": lambda: b"t_s,cpu_pct\n-1.7e308,5\n1.7e308,5\n",
    "columns.csv": lambda: b"t_s,cpu_pct\n0,5,6\n300,5\n",
    "archive.csv": day,
    "trace.exe": day,
    "trace": day,
}
