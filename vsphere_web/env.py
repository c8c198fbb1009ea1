"""What the environment says: the one place that reads variables, so that every default has one home.

Variables (all optional in a lab; the first four are required in production):

SECRET_KEY      signs sessions; setting it makes this a production process
ALLOWED_HOSTS   host names that the site answers to, separated by commas
DATABASE_URL    postgres://user:password@host/name, or sqlite:///path
REDIS_URL       redis://host:6379/0, rediss://… or unix:///path/to/socket
REDIS_PAGE_WAIT_S     how long a page waits for Redis before it does without (0.2)
DATA_DIR        where a lab keeps its database, secret and Valkey files
CSRF_TRUSTED_ORIGINS  https://… of the site, where a proxy ends TLS under another name
BEHIND_TLS_PROXY      the proxy sets X-Forwarded-Proto; trust it
LOG_LEVEL, LOG_JSON   what is logged and how
VSPHERE_WEB_MODE      "lab" or "production"; says it outright instead of by SECRET_KEY
"""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
LAB, PRODUCTION = "lab", "production"
LONGEST_SOCKET_PATH_BYTES = 100

env = environ.Env()


def mode() -> str:
    """Return LAB or PRODUCTION; whoever gives a SECRET_KEY means production."""
    chosen = env.str("VSPHERE_WEB_MODE", default=PRODUCTION if env.str("SECRET_KEY", default="") else LAB)
    if chosen not in (LAB, PRODUCTION):
        raise environ.ImproperlyConfigured(f"VSPHERE_WEB_MODE is {chosen!r}: expected '{LAB}' or '{PRODUCTION}'.")
    return chosen


def data_dir() -> Path:
    """Return the absolute folder of a lab's own files; it is not created here."""
    return Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).expanduser().resolve()


def secret_key() -> str:
    """Return SECRET_KEY, or in a lab a random key that is kept in the data folder."""
    given = env.str("SECRET_KEY", default="")
    if given or mode() == PRODUCTION:
        return given or env.str("SECRET_KEY")
    return _kept_secret(data_dir() / "secret_key")


def _kept_secret(path: Path) -> str:
    """Return the secret in `path`, made on first use and readable by its owner alone.

    Several processes may start at once: the one that creates the file wins, the others read it.
    Where nothing can be written (a read-only checkout), the key lives as long as the process.
    """
    fresh = secrets.token_urlsafe(50)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(fresh)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text()
    except OSError:
        return fresh


def redis_url() -> str:
    """Return REDIS_URL; in a lab the socket of its own Valkey is the default, never a server on a standard port."""
    if mode() == PRODUCTION:
        return env.str("REDIS_URL", default="")
    return env.str("REDIS_URL", default="") or f"unix://{valkey_socket(data_dir())}"


def valkey_socket(folder: Path) -> Path:
    """Return the Unix socket of the Valkey that belongs to the lab in `folder`.

    The kernel takes about 107 bytes: for a longer path it lies in the temporary folder, under a name of this lab alone.
    """
    socket = folder / "valkey" / "valkey.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH_BYTES:
        return socket
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"vsphere-web-{digest}" / "valkey.sock"


def celery_broker_url(url: str) -> str:
    """Return `url` as Celery writes it: its scheme for a Unix socket is redis+socket."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    database = query.removeprefix("db=") if query.startswith("db=") else "0"
    return f"redis+socket://{path}?virtual_host={database}"


def database() -> dict[str, object]:
    """Return Django's connection settings: DATABASE_URL, or SQLite in the data folder."""
    config = env.db_url_config(env.str("DATABASE_URL", default="") or f"sqlite:///{data_dir() / 'db.sqlite3'}")
    if "ENGINE" not in config:
        raise environ.ImproperlyConfigured(
            "DATABASE_URL is not understood: expected postgres://user:password@host/name."
        )
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return config | {"OPTIONS": SQLITE_OPTIONS}
    # No CONN_MAX_AGE: what is kept is kept by the threads of pages (pages.py); others come and go, and would leave
    # theirs behind. A kept one may have been cut meanwhile.
    return config | {"CONN_HEALTH_CHECKS": True}


# Measured with three writing processes: no lock error with these, hundreds with the defaults.
# A writer takes its lock when the transaction begins, so that two never deadlock on an upgrade.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
}
