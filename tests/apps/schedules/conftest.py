"""The cast in a lab of four machines."""

from __future__ import annotations

import pytest

from tests.builders import SmallLab
from tests.cast import Cast, make_cast, own_lab


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> SmallLab:
    return own_lab(cast, hosts=2, vms=4)
