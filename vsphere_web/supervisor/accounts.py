"""The logins of a lab's demo datacenter: which password they get, and the note that the start prints."""

import json
import os
import secrets
from pathlib import Path
from typing import TypedDict

from inventory.management.commands.seed_demo import ACCOUNTS, DEFAULT_PASSWORD, PASSWORD_VARIABLE
from vsphere_web.supervisor.options import Options

NOTE = "accounts.json"


class Account(TypedDict):
    """One login as it was made; its owner may have changed the password since."""

    username: str
    password: str
    about: str


def seeding_environment(options: Options, env: dict[str, str]) -> dict[str, str]:
    """Return `env` with the password of new accounts.

    The caller's choice goes first; a well-known one does on one's own machine, but never for a network.
    """
    password = env.get(PASSWORD_VARIABLE) or (DEFAULT_PASSWORD if options.is_private else secrets.token_urlsafe(9))
    return {**env, PASSWORD_VARIABLE: password}


def note(folder: Path, env: dict[str, str]) -> None:
    """Write down the accounts that were seeded with `env`, for the owner's eyes; the first note stays."""
    path = folder / NOTE
    if path.exists():
        return
    accounts = [Account(username=name, password=env[PASSWORD_VARIABLE], about=role) for name, role in ACCOUNTS]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600), "w") as file:
        json.dump(accounts, file, indent=1)


def noted(folder: Path) -> list[Account]:
    """Return the accounts of the note; empty where there is none."""
    try:
        accounts: list[Account] = json.loads((folder / NOTE).read_text())
    except (OSError, ValueError):
        return []
    return accounts


def are_well_known(accounts: list[Account]) -> bool:
    """Tell whether somebody who knows this project knows a password."""
    return any(account["password"] == DEFAULT_PASSWORD for account in accounts)
