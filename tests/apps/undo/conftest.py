"""The cast in a lab of two hosts and three machines."""

from __future__ import annotations

import pytest

from tests.builders import SmallLab, small_lab
from tests.cast import Cast, admit, make_cast


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> SmallLab:
    made = small_lab(cast.student, hosts=2, vms=3)
    admit(cast, made.vcenter)
    return made
