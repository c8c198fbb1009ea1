"""Tables of typed columns, packed in one matrix per type so that copying and saving a fleet costs a few calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
U64 = NDArray[np.uint64]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# 8-byte types first: every matrix of a saved blob then starts aligned.
_DTYPES: dict[str, Any] = {"U64": np.uint64, "F64": np.float64, "F32": np.float32, "I32": np.int32, "I8": np.int8}


class Table:
    """Rows of annotated columns: each annotation `name: F32` of a subclass becomes a column, a view of a matrix row.

    A row is a slot: the table grows to the highest slot in use; a free slot has `exists == 0` and zeros.
    """

    COLUMNS: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init_subclass__(cls) -> None:
        names = {n: t for n, t in cls.__annotations__.items() if t in _DTYPES}
        cls.COLUMNS = {t: tuple(n for n, x in names.items() if x == t) for t in _DTYPES}

    def __init__(self, size: int = 0) -> None:
        self._adopt(size, {t: np.zeros((len(names), size), _DTYPES[t]) for t, names in self.COLUMNS.items()})

    def _adopt(self, size: int, matrices: dict[str, NDArray[Any]]) -> None:
        self.size = size
        self._matrices = matrices
        for kind, names in self.COLUMNS.items():
            for name, row in zip(names, matrices[kind], strict=True):
                setattr(self, name, row)

    def copy(self) -> Self:
        twin = type(self).__new__(type(self))
        twin._adopt(self.size, {t: m.copy() for t, m in self._matrices.items()})
        return twin

    def reserve(self, size: int, spare: bool = True) -> None:
        """Make room for `size` slots, and a quarter more (`spare`) so that adding one by one stays cheap."""
        if size <= self.size:
            return
        size += size // 4 if spare else 0
        grown = {t: np.zeros((len(m), size), m.dtype) for t, m in self._matrices.items()}
        for kind, matrix in self._matrices.items():
            grown[kind][:, : self.size] = matrix
        self._adopt(size, grown)

    def clear(self, slot: int) -> None:
        """Free a slot: every column becomes zero."""
        for matrix in self._matrices.values():
            matrix[:, slot] = 0

    def buffers(self) -> Iterator[memoryview]:
        for matrix in self._matrices.values():
            yield matrix.reshape(-1).view(np.uint8).data

    @classmethod
    def schema(cls) -> str:
        return ";".join(f"{kind}:{','.join(names)}" for kind, names in cls.COLUMNS.items())

    @classmethod
    def read(cls, size: int, blob: memoryview, offset: int) -> tuple[Self, int]:
        """The table that `buffers` wrote at `offset`, and the offset behind it."""
        matrices: dict[str, NDArray[Any]] = {}
        for kind, names in cls.COLUMNS.items():
            count = len(names) * size
            flat = np.frombuffer(blob, _DTYPES[kind], count, offset)
            matrices[kind] = flat.reshape(len(names), size).copy()
            offset += flat.nbytes
        table = cls.__new__(cls)
        table._adopt(size, matrices)
        return table, offset
