"""Everything an operator may set about DRS, DPM and HA, with vSphere's defaults.

Thresholds are the client's 1 (conservative) to 5 (aggressive); the wire's reversed numbers never come in here.
Sources: domain notes on DRS 4.1-4.4 and DPM 5.1; values without a source are our modelling decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Literal

from domain.faults import InvalidArgument
from domain.snapshot import Automation, DpmBehavior

MemoryMetric = Literal["active", "consumed", "assigned"]
IDLE_MEMORY_RATIO = 0.25  # of idle consumed memory counts as demand (PercentIdleMBInMemDemand = 25)
SCORE_GAIN = {2: 10.0, 3: 5.0, 4: 2.0, 5: 0.5}  # points a source host's VMs must win at each threshold


@dataclass(frozen=True, slots=True)
class DpmOptions:
    """Power management.  The utilisation band is target ± tolerance (KB 310527: 63 ± 18 %).

    threshold acts on the priorities of host power recommendations.  trigger: power-off is looked at when "any" or only
    when "all" hosts are below the band.  spare_hosts: empty capacity kept beyond demand.  predictive: also provide for
    the forecast demand of the snapshot.  history_on_s, history_off_s: over how long demand is averaged before a host is
    powered on or off (KB 310527); whoever makes the snapshot averages, for only it has the history.
    """

    enabled: bool = False
    behavior: DpmBehavior = DpmBehavior.MANUAL
    threshold: int = 3
    target_ratio: float = 0.63
    tolerance_ratio: float = 0.18
    min_on_cpu_mhz: float = 1.0
    min_on_mem_mib: float = 1.0
    min_hosts_on: int = 1
    spare_hosts: int = 0
    host_min_up_s: float = 600.0
    power_performance_ratio: float = 40.0
    trigger: Literal["any", "all"] = "any"
    hosts_per_power_off: int = 5
    expected_off_s: float = 3600.0
    predictive: bool = False
    history_on_s: float = 300.0
    history_off_s: float = 2400.0

    @property
    def high_ratio(self) -> float:
        """Utilisation above which capacity is missing."""
        return self.target_ratio + self.tolerance_ratio

    @property
    def low_ratio(self) -> float:
        """Utilisation below which a host is worth switching off."""
        return self.target_ratio - self.tolerance_ratio


@dataclass(frozen=True, slots=True)
class HaOptions:
    """Fail-over capacity that admission control keeps free.  Percentages are None = from the failures to tolerate."""

    enabled: bool = False
    admission: Literal["percentage", "slots", "failover_hosts", "disabled"] = "percentage"
    failures: int = 1
    cpu_ratio: float | None = None
    mem_ratio: float | None = None
    min_cpu_mhz: float = 32.0


@dataclass(frozen=True, slots=True)
class DrsOptions:
    """One cluster's DRS settings.

    threshold 1 applies only mandatory moves.  max_vcpus_per_core, max_vcpus_per_cluster_pct: 0 = off, against physical
    cores.  hold_s: a VM that was just moved is not moved again for balance.  max_moves_per_host: None = what can finish
    within one interval.  min_goodness_ratio: part of the wanted improvement each balancing move must bring.
    """

    enabled: bool = True
    engine: Literal["score", "classic"] = "score"
    automation: Automation = Automation.FULLY_AUTOMATED
    threshold: int = 3
    memory_metric: MemoryMetric = "active"
    idle_memory_ratio: float = IDLE_MEMORY_RATIO
    even_distribution: bool = False
    even_distribution_slack_pct: float = 0.0
    max_vcpus_per_core: float = 0.0
    max_vcpus_per_cluster_pct: float = 0.0
    cost_benefit: bool = True
    min_goodness_ratio: float = 0.02
    interval_s: float = 60.0
    benefit_horizon_s: float = 3600.0
    hold_s: float = 300.0
    max_moves_per_host: int | None = None
    dpm: DpmOptions = field(default_factory=DpmOptions)
    ha: HaOptions = field(default_factory=HaOptions)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def idle_ratio(self) -> float:
        """Part of idle memory that counts as demand under the chosen metric."""
        return self.idle_memory_ratio if self.memory_metric == "active" else 1.0


_RANGES: dict[str, tuple[float, float]] = {
    "threshold": (1, 5),
    "idle_memory_ratio": (0, 1),
    "even_distribution_slack_pct": (0, 1000),
    "max_vcpus_per_core": (0, 32),
    "max_vcpus_per_cluster_pct": (0, 500),
    "min_goodness_ratio": (0, 1),
    "interval_s": (1, 3600),
    "benefit_horizon_s": (0, 86400),
    "hold_s": (0, 86400),
}
_DPM_RANGES: dict[str, tuple[float, float]] = {
    "threshold": (1, 5),
    "target_ratio": (0.4, 0.9),
    "tolerance_ratio": (0.1, 0.4),
    "min_on_cpu_mhz": (0, 1e9),
    "min_on_mem_mib": (0, 1e9),
    "min_hosts_on": (0, 96),
    "spare_hosts": (0, 95),
    "host_min_up_s": (0, 86400),
    "power_performance_ratio": (0, 500),
    "hosts_per_power_off": (1, 96),
    "expected_off_s": (0, 604800),
    "history_on_s": (20, 3600),  # from one sample to all that are kept
    "history_off_s": (20, 3600),
}


def _check(options: DrsOptions) -> None:
    """Raise InvalidArgument for a value that no cluster can work with."""
    for owner, ranges in ((options, _RANGES), (options.dpm, _DPM_RANGES)):
        for key, (low, high) in ranges.items():
            value = getattr(owner, key)
            if not isfinite(value) or not low <= value <= high:
                raise InvalidArgument(property=key, reason=f"{value} is not between {low:g} and {high:g}")
    if options.dpm.low_ratio <= 0 or options.dpm.high_ratio >= 1:
        raise InvalidArgument(property="tolerance_ratio", reason="the utilisation band must lie between 0 and 100 %")
    if not 0 <= options.ha.failures <= 31:
        raise InvalidArgument(property="failures", reason=f"{options.ha.failures} is not between 0 and 31")


# The advanced options grid: vSphere's name -> (our field, divisor).  DPM's fields live in `dpm`.
ADVANCED_OPTIONS: dict[str, tuple[str, float]] = {
    "TryBalanceVmsPerHost": ("even_distribution", 1),
    "LimitVMsPerHostPercent": ("even_distribution_slack_pct", 1),
    "MaxVcpusPerCore": ("max_vcpus_per_core", 1),
    "MaxVcpusPerClusterPct": ("max_vcpus_per_cluster_pct", 1),
    "PercentIdleMBInMemDemand": ("idle_memory_ratio", 100),
    "MinGoodness": ("min_goodness_ratio", 100),
    "CostBenefit": ("cost_benefit", 1),
    "MaxMovesPerHost": ("max_moves_per_host", 1),
    "DemandCapacityRatioTarget": ("dpm.target_ratio", 100),
    "DemandCapacityRatioToleranceHost": ("dpm.tolerance_ratio", 100),
    "MinPoweredOnCpuCapacity": ("dpm.min_on_cpu_mhz", 1),
    "MinPoweredOnMemCapacity": ("dpm.min_on_mem_mib", 1),
    "VmDemandHistorySecsHostOn": ("dpm.history_on_s", 1),
    "VmDemandHistorySecsHostOff": ("dpm.history_off_s", 1),
    "HostsMinUptimeSecs": ("dpm.host_min_up_s", 1),
    "PowerPerformanceRatio": ("dpm.power_performance_ratio", 1),
}


def with_advanced(options: DrsOptions, advanced: Mapping[str, str]) -> DrsOptions:
    """Apply the advanced options grid.  Raises InvalidArgument for an unknown name or an absurd value."""
    for name, text in advanced.items():
        if name not in ADVANCED_OPTIONS:
            raise InvalidArgument(property=name, reason="there is no such advanced option")
        key, divisor = ADVANCED_OPTIONS[name]
        value = _number(name, text) / divisor
        if key.startswith("dpm."):
            options = replace(options, dpm=replace(options.dpm, **_typed(options.dpm, key[4:], value)))
        else:
            options = replace(options, **_typed(options, key, value))
    return options


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise InvalidArgument(property=name, reason=f"“{text}” is not a number") from None
    if not isfinite(value) or value < 0:
        raise InvalidArgument(property=name, reason=f"{text} is not a number from 0 up")
    return value


def _typed(owner: object, key: str, value: float) -> dict[str, Any]:
    present = getattr(owner, key)
    if isinstance(present, bool):
        return {key: value != 0}
    return {key: int(value) if present is None or isinstance(present, int) else value}
