"""The file of a checkpoint: named sections, compressed, each with its checksum.

Layout: magic, format, length and SHA-256 of the header; the header (JSON: facts, and name, size, stored size and
SHA-256 of each section); the sections behind each other. A file is written beside its place and renamed, so that there
is a whole one or none.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAGIC = b"LABSTATE"
FORMAT = 1
PREFIX = struct.Struct("<8sII32s")
HEADER_MAX = 1 << 20
SECTION_MAX = 512 << 20  # bytes of one section as read
FILE_MAX = 256 << 20  # bytes of a whole file as stored
LEVEL = 1  # figures are noise to a compressor: a higher level takes five times as long and saves a twentieth


class Damaged(ValueError):
    """The bytes are not a whole checkpoint of this format."""


@dataclass
class Archive:
    """`facts` say what it is of (plain JSON), `sections` hold it by name."""

    facts: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, bytes] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Pack. Raises ValueError where a section or the whole is larger than allowed."""
        packed = {name: _pack(name, data) for name, data in self.sections.items()}
        listed = [
            {"name": name, "bytes": len(data), "stored": len(packed[name]), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in self.sections.items()
        ]
        header = json.dumps({"facts": self.facts, "sections": listed}, separators=(",", ":")).encode()
        prefix = PREFIX.pack(MAGIC, FORMAT, len(header), hashlib.sha256(header).digest())
        whole = b"".join([prefix, header, *packed.values()])
        if len(header) > HEADER_MAX or len(whole) > FILE_MAX:
            raise ValueError(f"{len(whole)} bytes are more than a checkpoint may have")
        return whole

    @classmethod
    def from_bytes(cls, data: bytes, only: Container[str] | None = None) -> Archive:
        """Unpack and check every byte, or those of some sections. Raises Damaged."""
        header, at = _header(data)
        archive = cls(header["facts"])
        for section in header["sections"]:
            end = at + int(section["stored"])
            if only is None or section["name"] in only:
                archive.sections[section["name"]] = _unpack(data[at:end], section)
            at = end
        if at != len(data):
            raise Damaged("its length is wrong")
        return archive


def _pack(name: str, data: bytes) -> bytes:
    if len(data) > SECTION_MAX:
        raise ValueError(f"{name}: {len(data)} bytes are more than a checkpoint may have")
    return zlib.compress(data, LEVEL)


def _header(data: bytes) -> tuple[Mapping[str, Any], int]:
    if not PREFIX.size <= len(data) <= FILE_MAX:
        raise Damaged("its length is wrong")
    magic, form, length, digest = PREFIX.unpack_from(data)
    if magic != MAGIC or form != FORMAT or length > HEADER_MAX:
        raise Damaged(f"it is no checkpoint of format {FORMAT}")
    text = data[PREFIX.size : PREFIX.size + length]
    if hashlib.sha256(text).digest() != digest:
        raise Damaged("its header does not match its checksum")
    return json.loads(text), PREFIX.size + length


def _unpack(stored: bytes, section: Mapping[str, Any]) -> bytes:
    size = int(section["bytes"])
    if size > SECTION_MAX:
        raise Damaged(f"{section['name']} is too large")
    try:
        data = zlib.decompressobj().decompress(stored, size + 1)
    except zlib.error as error:
        raise Damaged(f"{section['name']}: {error}") from error
    if len(data) != size or hashlib.sha256(data).hexdigest() != section["sha256"]:
        raise Damaged(f"{section['name']} does not match its checksum")
    return data


def write(path: Path, data: bytes) -> None:
    """Put the whole file in its place, or nothing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _draft(path: Path) -> Path:
    return path.with_suffix(".new")


def remove(path: Path) -> None:
    """Delete a file, and what a process that died has left of it. Raises OSError."""
    for one in (path, _draft(path)):
        one.unlink(missing_ok=True)


def read(path: Path, only: Container[str] | None = None) -> Archive:
    """Read a file, or some sections of it. Raises Damaged, also where it is not there."""
    try:
        if path.stat().st_size > FILE_MAX:
            raise Damaged("it is too large")
        return Archive.from_bytes(path.read_bytes(), only)
    except OSError as error:
        raise Damaged("its file cannot be read") from error
