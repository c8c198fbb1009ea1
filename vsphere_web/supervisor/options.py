"""What `manage.py lab` can be told."""

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsphere_web.env import BASE_DIR

DEFAULT_PORT = 8000
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Options:
    """The command line of a lab; what is None was not said, then `seed_demo` decides."""

    port: int = DEFAULT_PORT
    bind: str = "127.0.0.1"
    data_dir: Path = BASE_DIR / "var"
    fresh: bool = False
    hosts: int | None = None
    vms: int | None = None
    seed: int | None = None
    traces: Path | None = None
    day: str | None = None
    dpm: bool = False
    speed: float | None = None

    @property
    def is_private(self) -> bool:
        """Tell whether only this machine can reach the lab."""
        return self.bind in LOOPBACK

    @property
    def url(self) -> str:
        """Return the address for people: the bound one, or this machine's loopback where it is bound to all."""
        host = "127.0.0.1" if self.bind in ("0.0.0.0", "::", "localhost") else self.bind
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    def seed_arguments(self) -> list[str]:
        """Return what `seed_demo` is to be told, as command-line arguments."""
        said = {
            "hosts": self.hosts, "vms": self.vms, "seed": self.seed, "traces": self.traces, "day": self.day,
            "speed": self.speed,
        }  # fmt: skip
        return [f"--{name}={value}" for name, value in said.items() if value is not None] + ["--dpm"] * self.dpm


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `Options` on `parser`."""
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"port of the web pages ({DEFAULT_PORT})")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets other machines in")
    parser.add_argument(
        "--data-dir", type=_folder, default=BASE_DIR / "var", help="where the lab keeps its data (var/)"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the lab's data first")
    parser.add_argument("--hosts", type=_count, help="hosts of the demo datacenter")
    parser.add_argument("--vms", type=_count, help="virtual machines of the demo datacenter")
    parser.add_argument("--seed", type=int, help="random seed of the demo datacenter")
    parser.add_argument("--traces", type=_trace_file, help="recorded CPU traces that the virtual machines replay")
    parser.add_argument(
        "--day", choices=("office", "recorded"),
        help="of --traces: recorded bursts times working hours (office), or the file as it is",
    )  # fmt: skip
    parser.add_argument("--dpm", action="store_true", help="power management on: hosts sleep while nobody needs them")
    parser.add_argument("--speed", type=_speed, help="lab seconds per second, 1 to 600")


def from_arguments(arguments: dict[str, Any]) -> Options:
    """Return the Options among parsed `arguments`, which may hold more."""
    return Options(**{name: arguments[name] for name in Options.__dataclass_fields__})


def _port(text: str) -> int:
    return int(_within(text, 1, 65535, "a port"))


def _count(text: str) -> int:
    return int(_within(text, 0, 1_000_000, "a count"))


def _speed(text: str) -> float:
    return _within(text, 1, 600, "the speed")


def _within(text: str, lowest: float, highest: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not lowest <= number <= highest:  # also false for NaN
        raise ArgumentTypeError(f"{what} is a number from {lowest:,} to {highest:,}, not {text!r}")
    return number


def _folder(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _trace_file(text: str) -> Path:
    path = _folder(text)
    if not path.is_file():
        raise ArgumentTypeError(f"there is no file {path}")
    return path
