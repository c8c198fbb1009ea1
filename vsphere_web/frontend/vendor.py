"""Picks the few files that a browser needs out of node_modules."""

import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from vsphere_web.bootstrap import BASE_DIR
from vsphere_web.frontend import trim

CLARITY = Path("@clr/ui/clr-ui.min.css")
# package -> files of it that are served or that its licence wants to go along
SERVED = {
    "@clr/ui": ["clr-ui.min.css"],
    "@cds/city": [
        "Webfonts/WOFF2/ClarityCity-Regular.woff2",
        "Webfonts/WOFF2/ClarityCity-Medium.woff2",
        "Webfonts/WOFF2/ClarityCity-SemiBold.woff2",
        "LICENSE",
    ],
    "idiomorph": ["dist/idiomorph-ext.min.js", "LICENSE"],
    "uplot": ["dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE"],
}
FONT_WEIGHTS = {400: "Regular", 500: "Medium", 600: "SemiBold"}
# Clarity asks for either name; Metropolis is the older of the two faces.
FONT_FAMILIES = ("Clarity City", "Metropolis")
COMPRESSIBLE = {".css", ".js", ".svg"}
SOURCE_MAP = re.compile(r"(/\*# sourceMappingURL=.*?\*/|//# sourceMappingURL=\S+)")
FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")


def copy_files(packages: Path, target: Path) -> list[dict[str, Any]]:
    """Copy SERVED from node_modules to `target`/<package>/ and return a row per file for the manifest."""
    rows = []
    for package, names in SERVED.items():
        about = json.loads((packages / package / "package.json").read_text())
        folder = target / folder_name(package)
        folder.mkdir(parents=True)
        for name in names:
            copy = folder / Path(name).name
            _copy(packages / package / name, copy)
            digest = hashlib.sha256(copy.read_bytes()).hexdigest()
            path = str(copy.relative_to(target))
            rows.append(
                {
                    "path": path,
                    "package": package,
                    "version": about["version"],
                    "license": about["license"],
                    "sha256": digest,
                }
            )
    (target / "cds-city" / "clarity-city.css").write_text(font_faces())
    return rows


def folder_name(package: str) -> str:
    """Return the folder of `package`: "@clr/ui" is served from "clr-ui"."""
    return package.removeprefix("@").replace("/", "-")


def font_faces() -> str:
    """Return the style sheet that names the font files."""
    return "".join(
        f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:normal;font-display:swap;'
        f'src:url("ClarityCity-{name}.woff2")format("woff2")}}\n'
        for family in FONT_FAMILIES
        for weight, name in FONT_WEIGHTS.items()
    )


def compress(folder: Path) -> None:
    """Write a .gz beside each text file; the static file server prefers it, in a lab too."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in COMPRESSIBLE:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def _copy(source: Path, target: Path) -> None:
    """Copy one file; text loses its pointer to a source map, Clarity's sheet its fonts and what no page uses."""
    if source.suffix not in {".css", ".js"}:
        shutil.copyfile(source, target)
        return
    text = SOURCE_MAP.sub("", source.read_text())
    if source.name == CLARITY.name:
        text = trim.trimmed(FONT_FACE.sub("", text), trim.words_of(BASE_DIR))
    target.write_text(text)


def used_classes(packages: Path) -> list[str]:
    """Return the classes of Clarity that the project uses: its sheet is trimmed to these."""
    sheet = packages / CLARITY
    if not sheet.exists():
        return []
    words = trim.words_of(BASE_DIR)
    return sorted(name for name in trim.classes_of(sheet.read_text()) if words.known(name))
