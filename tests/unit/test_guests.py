"""Guest operating systems: what a page says of them."""

import pytest

from domain.guests import GUESTS, label, prompt


@pytest.mark.parametrize(
    ("guest_id", "runs", "shown"),
    [
        ("ubuntu64Guest", True, "web-01 login:"),
        ("windows11_64Guest", True, "web-01 C:\\>"),
        ("freebsd14_64Guest", True, "web-01 login:"),
        ("of another product", True, "web-01 login:"),
        ("ubuntu64Guest", False, "_"),
        ("windows11_64Guest", False, "_"),
    ],
)
def test_the_screen_fits_the_system_and_is_empty_until_it_runs(guest_id, runs, shown):
    assert prompt(guest_id, "web-01", runs=runs) == shown


def test_an_unknown_guest_is_called_by_its_identifier():
    assert label("of another product") == "of another product"
    assert label("ubuntu64Guest") == GUESTS["ubuntu64Guest"].label
