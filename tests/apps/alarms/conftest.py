"""The cast in a small lab."""

from __future__ import annotations

import pytest

from tests.builders import SmallLab, small_lab
from tests.cast import Cast, admit, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> SmallLab:
    built = small_lab(cast.student)
    admit(cast, built.vcenter)
    return built
