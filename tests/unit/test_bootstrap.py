"""manage.py on a machine without Django: run by a bare Python, in a copy of the few files that it needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vsphere_web import bootstrap
from vsphere_web.env import BASE_DIR

BARE_PYTHON = Path(sys.base_prefix) / "bin" / "python3"
FILES = ("manage.py", "requirements.txt", "requirements-dev.txt")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy what manage.py needs before anything is installed: these files use the standard library alone."""
    bare = subprocess.run([BARE_PYTHON, "-I", "-c", "import django"], capture_output=True, check=False)
    if bare.returncode == 0:
        pytest.skip("The Python below this environment has Django: there is nothing to bootstrap.")
    (tmp_path / "vsphere_web").mkdir()
    for name in FILES:
        shutil.copy(BASE_DIR / name, tmp_path / name)
    for name in ("__init__.py", "bootstrap.py", "steps.py"):
        shutil.copy(BASE_DIR / "vsphere_web" / name, tmp_path / "vsphere_web" / name)
    return tmp_path


def run_bare(project: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the copy's manage.py with a Python that has no Django and an empty home."""
    clean = {"PATH": os.defpath, "HOME": str(project), **env}
    return subprocess.run(
        [BARE_PYTHON, "manage.py", *arguments], cwd=project, env=clean, capture_output=True, text=True, check=False
    )


def pretend_installed(project: Path, requirements: str) -> None:
    """Put an environment into place whose Python only prints how it is called."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "called: $@"\n')
    python.chmod(0o755)
    names = ["requirements.txt", requirements]
    code = f"from vsphere_web import bootstrap; print(bootstrap._digest(*{names}), end='')"
    digest = subprocess.run([BARE_PYTHON, "-c", code], cwd=project, capture_output=True, text=True, check=True).stdout
    (project / ".venv" / f"installed-{requirements}").write_text(digest)


def test_another_command_names_the_one_that_sets_up(project: Path) -> None:
    done = run_bare(project, "migrate")
    assert done.returncode == 1
    assert "Django is not installed" in done.stderr
    assert "python3 manage.py lab" in done.stderr
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(("command", "requirements"), [("lab", "requirements.txt"), ("test", "requirements-dev.txt")])
def test_what_is_installed_is_used_with_the_same_arguments(project: Path, command: str, requirements: str) -> None:
    pretend_installed(project, requirements)
    done = run_bare(project, command, "--port", "8001")
    assert done.stdout == f"called: {project}/manage.py {command} --port 8001\n"


def test_a_failing_installation_shows_its_output_and_what_to_do(project: Path) -> None:
    done = run_bare(project, "lab", PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "Making a Python environment in .venv/ ... done" in done.stdout
    assert "Installing Python packages (a minute or two) ... failed" in done.stdout
    assert "| ERROR: No matching distribution found" in done.stderr
    assert "What to do: check the network connection" in done.stderr


def test_changed_requirements_are_installed_again(project: Path) -> None:
    pretend_installed(project, "requirements.txt")
    (project / "requirements.txt").write_text("Django==5.2.19\n")
    done = run_bare(project, "lab")
    assert "Installing Python packages (a minute or two) ... done" in done.stdout
    assert run_bare(project, "lab").stdout == f"called: {project}/manage.py lab\n"


def test_an_environment_without_django_is_not_entered_for_ever(project: Path) -> None:
    done = run_bare(project, "lab", VSPHERE_WEB_RESTARTED="1")
    assert done.returncode == 1
    assert "delete that folder and start again" in done.stderr


def test_nothing_happens_where_django_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_prepare", lambda command: pytest.fail("set-up began"))
    bootstrap.ensure(["manage.py", "lab"])
    assert bootstrap.importlib.util.find_spec("django")
