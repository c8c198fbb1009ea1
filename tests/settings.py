"""The product's settings, in a folder and with a Valkey of this test process's own.

Nothing of the machine's is used, even where REDIS_URL or DATABASE_URL point somewhere. TEST_DATABASE_URL alone is
heard: then the tests run on that server, in a test database that Django makes there.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

SUITE_DIR = Path(tempfile.mkdtemp(prefix="vsphere-web-test-"))
atexit.register(shutil.rmtree, SUITE_DIR, ignore_errors=True)

for outer in ("SECRET_KEY", "ALLOWED_HOSTS", "REDIS_URL", "DATABASE_URL", "CSRF_TRUSTED_ORIGINS"):
    os.environ.pop(outer, None)
os.environ["DATA_DIR"] = str(SUITE_DIR)
os.environ["VSPHERE_WEB_MODE"] = "lab"
# On a busy machine a page would do without Valkey, whose answer is what most tests of pages are about. Labs inherit it.
os.environ.setdefault("REDIS_PAGE_WAIT_S", "60")
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from vsphere_web.env import SQLITE_OPTIONS  # noqa: E402
from vsphere_web.settings import *  # noqa: E402, F403
from vsphere_web.settings import DATABASES  # noqa: E402

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A file, not memory: threads and processes of a test then meet the locks that the product meets.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(SUITE_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"] = {
        **SQLITE_OPTIONS,
        "timeout": 120,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",
    }
