"""Makes one SVG sprite of the Clarity icons named in icons.txt: `<use href="…/clarity-icons.svg#vm">`."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from xml.etree import ElementTree

from vsphere_web.steps import StepFailed

CHOSEN = Path(__file__).with_name("icons.txt")
SPRITE = "clarity-icons.svg"
SHAPES = Path("@cds/core/icon/shapes")
# A shape module ends in: ="vm",V=["vm",C({outline:'<path d="…"/>',solid:'…'})];export{…
SHAPE = re.compile(r'=\["([A-Za-z0-9-]+)",\s*\w+\((.*?)\)\]', re.DOTALL)
VARIANT = re.compile(r"(\w+):(['\"`])(.*?)\2(?=[,}])", re.DOTALL)

PATH = re.compile(r'\bd="([^"]*)"')
RELATIVE = re.compile(r"[a-y]")
SPARE_DIGITS = re.compile(r"(\.\d\d)\d+")


def chosen_names() -> list[str]:
    """Return the names in icons.txt; `vm-solid` is the filled form of `vm`."""
    lines = (line.partition("#")[0].strip() for line in CHOSEN.read_text().splitlines())
    return [line for line in lines if line]


def sprite(packages: Path, names: Iterable[str]) -> str:
    """Return the sprite with a symbol for each of `names`.

    Raises:
        StepFailed: Clarity has no icon of that name, or it is not well-formed.
    """
    shapes = dict(read_shapes(packages / SHAPES))
    symbols = [
        f'<symbol id="{name}" viewBox="0 0 36 36">{_drawing(shapes, name)}</symbol>' for name in sorted(set(names))
    ]
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def read_shapes(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, drawing) of every well-formed icon, outlined and filled.

    A malformed one (script-schedule in @cds/core 6.17) would blank every icon after it in the sprite: it is left out.
    """
    for path in sorted(folder.glob("*.js")):
        found = SHAPE.search(path.read_text())
        if not found:
            continue
        name, body = found.groups()
        variants = {key: drawing for key, _, drawing in VARIANT.findall(body)} or {"outline": body[1:-1]}
        drawings = {name: variants.get("outline"), f"{name}-solid": variants.get("solid")}
        yield from ((key, drawing) for key, drawing in drawings.items() if drawing and is_well_formed(drawing))


def is_well_formed(drawing: str) -> bool:
    """Tell whether `drawing` can stand inside an XML element."""
    try:
        ElementTree.fromstring(f"<g>{drawing}</g>")
    except ElementTree.ParseError:
        return False
    return True


def _drawing(shapes: dict[str, str], name: str) -> str:
    if name not in shapes:
        near = ", ".join(get_close_matches(name, shapes)) or "none is alike"
        raise StepFailed(f"Clarity has no usable icon {name!r} ({near}).", f"correct the name in {CHOSEN.name}")
    return PATH.sub(_shorter, shapes[name])


def _shorter(path: re.Match[str]) -> str:
    """Cut coordinates to 1/100 of the 36 units of an icon, a sixth of the sprite; relative ones would add up."""
    return path[0] if RELATIVE.search(path[1]) else SPARE_DIGITS.sub(r"\1", path[0])
