"""The browser packages that set-up puts into static/vendor."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vsphere_web import frontend
from vsphere_web.env import BASE_DIR
from vsphere_web.frontend import icons, vendor
from vsphere_web.steps import StepFailed

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Build static/vendor where it is missing."""
    frontend.ensure()


def test_the_sprite_is_well_formed_and_holds_every_chosen_icon() -> None:
    root = ElementTree.parse(frontend.VENDOR / icons.SPRITE).getroot()
    symbols = {symbol.get("id"): symbol for symbol in root.findall(f"{SVG}symbol")}
    assert sorted(symbols) == sorted(set(icons.chosen_names()))
    assert all(len(symbol) for symbol in symbols.values())


def icons_named_in_templates() -> Iterator[tuple[str, str]]:
    """Yield (icon, place) of every icon that a template or script names outright."""
    named = re.compile(r'clarity-icons\.svg#([\w-]+)|{%\s*icon\s+"([\w-]+)"')
    for path in (*(BASE_DIR / "templates").rglob("*.html"), *(BASE_DIR / "static" / "js").rglob("*.js")):
        yield from ((first or second, path.name) for first, second in named.findall(path.read_text()))


def icons_named_in_code() -> Iterator[tuple[str, str]]:
    """Yield (icon, place) of every `icon="…"` and `badge="…"` in a call."""
    for app in ("inventory", "scheduler", "classroom"):
        for path in (BASE_DIR / app).rglob("*.py"):
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            keywords = (keyword for call in calls for keyword in call.keywords if keyword.arg in ("icon", "badge"))
            values = (keyword.value for keyword in keywords)
            yield from (
                (str(value.value), path.name) for value in values if isinstance(value, ast.Constant) and value.value
            )


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    known = set(icons.chosen_names())
    named = [*icons_named_in_templates(), *icons_named_in_code()]
    assert named
    assert not [f"{name} in {place}" for name, place in named if name not in known]


def test_a_malformed_icon_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "good.js").write_text("""const a="good",b=["good",C({outline:'<path d="M0 0"/>'})];export{b}""")
    (tmp_path / "bad.js").write_text("""const a="bad",b=["bad",C({outline:'<path d="M0 0"/></g><g>'})];export{b}""")
    assert dict(icons.read_shapes(tmp_path)) == {"good": '<path d="M0 0"/>'}


def test_an_unknown_icon_is_named_with_what_to_do() -> None:
    with pytest.raises(StepFailed, match="no usable icon 'hots'"):
        icons.sprite(frontend.PACKAGES, ["hots"])


def test_every_served_file_is_there_and_listed_with_its_licence() -> None:
    rows = json.loads((frontend.VENDOR / frontend.MANIFEST).read_text())["files"]
    assert len(rows) == sum(len(names) for names in vendor.SERVED.values())
    assert all((frontend.VENDOR / row["path"]).is_file() and row["license"] for row in rows)


def test_style_sheets_point_at_no_missing_file() -> None:
    for sheet in frontend.VENDOR.rglob("*.css"):
        links = re.findall(r'url\("?(?!data:)([^)"]+)', sheet.read_text())
        assert not [link for link in links if not link.startswith("data:") and not (sheet.parent / link).exists()]


def test_building_again_does_nothing() -> None:
    before = (frontend.VENDOR / frontend.MANIFEST).stat()
    frontend.ensure()
    assert (frontend.VENDOR / frontend.MANIFEST).stat().st_ino == before.st_ino


def test_the_lock_file_holds_no_addresses() -> None:
    assert '"resolved"' not in (BASE_DIR / "package-lock.json").read_text()


def test_coordinates_are_cut_where_they_are_absolute_and_stay_where_they_add_up() -> None:
    absolute, relative = '<path d="M14.0002 14.Z"/>', '<path d="m14.0002 .1234z"/>'
    assert icons.PATH.sub(icons._shorter, absolute) == '<path d="M14.00 14.Z"/>'
    assert icons.PATH.sub(icons._shorter, relative) == relative
