"""The browser packages: fetched by npm at set-up, copied to static/vendor, never committed.

`ensure()` is instant where everything is in place, so that every start may call it.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from vsphere_web.bootstrap import BASE_DIR
from vsphere_web.frontend import icons, node, trim, vendor
from vsphere_web.steps import step

PACKAGES = BASE_DIR / "node_modules"
STATIC = BASE_DIR / "static"
VENDOR = STATIC / "vendor"
MANIFEST = "manifest.json"


def ensure() -> None:
    """Fetch the packages of package-lock.json and build static/vendor where either is missing or out of date.

    Raises:
        StepFailed: npm or the build failed; says what to do.
    """
    STATIC.mkdir(exist_ok=True)
    with (STATIC / ".vendor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a lab and a test run may start at once
        if built_stamp() == wanted_stamp():
            return
        node.install_packages(BASE_DIR)
        with step("Building static/vendor"):
            _build()


def wanted_stamp() -> str:
    """Return a digest of everything that static/vendor is made from."""
    modules = (icons, vendor, trim)
    sources = [BASE_DIR / "package-lock.json", icons.CHOSEN, *(Path(str(module.__file__)) for module in modules)]
    used = " ".join(vendor.used_classes(PACKAGES)).encode()
    return hashlib.sha256(b"".join([*(source.read_bytes() for source in sources), used])).hexdigest()


def built_stamp() -> str | None:
    """Return the digest that static/vendor was built from, or None."""
    try:
        stamp: str = json.loads((VENDOR / MANIFEST).read_text())["stamp"]
    except (OSError, ValueError, KeyError):
        return None
    return stamp


def _build() -> None:
    """Build beside static/vendor and swap, so that nobody sees half of it."""
    draft = Path(tempfile.mkdtemp(prefix=".vendor-", dir=STATIC))
    try:
        files = vendor.copy_files(PACKAGES, draft)
        (draft / icons.SPRITE).write_text(icons.sprite(PACKAGES, icons.chosen_names()))
        vendor.compress(draft)
        (draft / MANIFEST).write_text(json.dumps({"stamp": wanted_stamp(), "files": files}, indent=1))
        draft.chmod(0o755)
        shutil.rmtree(VENDOR, ignore_errors=True)
        draft.rename(VENDOR)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
