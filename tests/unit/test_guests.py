"""Guest operating systems: what a page says of them."""

import pytest

from domain.guests import GUESTS, label, prompt
from domain.states import ToolsStatus


@pytest.mark.parametrize(
    ("guest_id", "tools", "shown"),
    [
        ("ubuntu64Guest", ToolsStatus.OK, "web-01 login:"),
        ("windows11_64Guest", ToolsStatus.OK, "web-01 C:\\>"),
        ("windows11_64Guest", ToolsStatus.NOT_INSTALLED, "web-01 C:\\>"),
        ("freebsd14_64Guest", ToolsStatus.NOT_INSTALLED, "web-01 login:"),
        ("of another product", ToolsStatus.OK, "web-01 login:"),
        ("ubuntu64Guest", ToolsStatus.NOT_RUNNING, "_"),
    ],
)
def test_the_screen_fits_the_system_and_is_empty_until_it_runs(guest_id, tools, shown):
    assert prompt(guest_id, "web-01", tools) == shown


def test_an_unknown_guest_is_called_by_its_identifier():
    assert label("of another product") == "of another product"
    assert label("ubuntu64Guest") == GUESTS["ubuntu64Guest"].label
