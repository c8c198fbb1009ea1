"""What the environment says, and what a lab and its processes make of it."""

import argparse
import socket
import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from vsphere_web import celery, env
from vsphere_web.supervisor import options, ports
from vsphere_web.supervisor.environment import child_environment, host_names
from vsphere_web.supervisor.options import Options

ALL = ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL", "DATA_DIR", "VSPHERE_WEB_MODE")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with none of the variables."""
    for name in ALL:
        monkeypatch.delenv(name, raising=False)


def test_a_secret_key_means_production_and_a_word_overrules_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.mode() == "lab"
    monkeypatch.setenv("SECRET_KEY", "given")
    assert env.mode() == "production"
    monkeypatch.setenv("VSPHERE_WEB_MODE", "lab")
    assert env.mode() == "lab"
    monkeypatch.setenv("VSPHERE_WEB_MODE", "prod")
    with pytest.raises(ImproperlyConfigured):
        env.mode()


def test_production_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSPHERE_WEB_MODE", "production")
    with pytest.raises(ImproperlyConfigured):
        env.secret_key()


def test_a_lab_keeps_its_secret_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    first = env.secret_key()
    assert len(first) >= 50
    assert env.secret_key() == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_lab_never_assumes_a_server_on_a_standard_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert env.redis_url() == f"unix://{tmp_path}/valkey/valkey.sock"
    assert env.database()["NAME"] == f"{tmp_path}/db.sqlite3"


def test_a_long_folder_has_its_socket_elsewhere_and_always_in_the_same_place() -> None:
    deep = Path("/") / ("d" * 120)
    assert len(str(env.valkey_socket(deep))) <= env.LONGEST_SOCKET_PATH_BYTES
    assert env.valkey_socket(deep) == env.valkey_socket(deep)
    assert env.valkey_socket(deep) != env.valkey_socket(deep / "other")


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("unix:///a/b.sock", "redis+socket:///a/b.sock?virtual_host=0"),
        ("unix:///a/b.sock?db=3", "redis+socket:///a/b.sock?virtual_host=3"),
    ],
)
def test_celery_writes_a_socket_in_its_own_way(redis_url: str, broker_url: str) -> None:
    assert env.celery_broker_url(redis_url) == broker_url


def test_postgres_gets_no_sqlite_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/n")
    database = env.database()
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert "transaction_mode" not in database.get("OPTIONS", {})


def test_allowed_hosts_follow_the_bound_address() -> None:
    assert list(host_names(Options())) == ["localhost", "127.0.0.1", "[::1]"]
    assert "192.0.2.7" in host_names(Options(bind="192.0.2.7"))
    assert "*" not in host_names(Options(bind="0.0.0.0"))
    assert Options(bind="192.0.2.7").url == "http://192.0.2.7:8000/"
    assert Options(bind="::1").url == "http://[::1]:8000/"
    assert Options(bind="0.0.0.0", port=9000).url == "http://127.0.0.1:9000/"


def test_the_callers_servers_and_host_names_stay(tmp_path: Path) -> None:
    outer = {"REDIS_URL": "redis://r/1", "DATABASE_URL": "postgres://p/d", "ALLOWED_HOSTS": "lab.example.org"}
    inner = child_environment(Options(data_dir=tmp_path), outer)
    assert (inner["REDIS_URL"], inner["DATABASE_URL"]) == ("redis://r/1", "postgres://p/d")
    assert inner["ALLOWED_HOSTS"].split(",")[0] == "lab.example.org"
    assert inner["VSPHERE_WEB_MODE"] == "lab"


def test_the_seed_is_told_only_what_was_said() -> None:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    assert options.from_arguments(vars(parser.parse_args([]))).seed_arguments() == []
    said = vars(parser.parse_args(["--hosts=0", "--vms=7", "--speed=2"]))
    assert options.from_arguments(said).seed_arguments() == ["--hosts=0", "--vms=7", "--speed=2.0"]


def test_a_port_in_use_is_not_free_and_the_next_free_one_is() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert not ports.is_free("127.0.0.1", port)
        other = ports.next_free("127.0.0.1", port)
        assert other is None or ports.is_free("127.0.0.1", other)


def test_every_periodic_task_is_known_and_the_heartbeat_has_its_own_queue() -> None:
    celery.app.loader.import_default_modules()
    for name, entry in celery.beat_schedule().items():
        assert entry["task"] in celery.app.tasks, name
    route = celery.app.amqp.router.route({}, "inventory.tasks.pump")
    assert route["queue"].name == "pump"
