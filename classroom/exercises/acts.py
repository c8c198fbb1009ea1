"""Acts as data: calls of the public interface, as a model solution, a prepared start or a button writes them.

An act is a mapping with one key, the verb, e.g. `migrate: {vm: web-a, host: $host2}`. Objects are named, or given by
an alias of the lab. Each verb asks the same service as a click does, as the given person; None is the system itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from classroom.exercises.notation import Block, NotationError
from classroom.exercises.world import aliases_of, first_cluster
from domain import faults
from domain.morefs import FolderKind
from inventory.models import Cluster, Datastore, Folder, Host, Network, ResourcePool, Task, VCenter, VirtualMachine
from inventory.services import clock, hosts, pools, provisioning, snapshots, vms
from scheduler.models import DrsGroup, DrsRule
from scheduler.services import drs, injection, maintenance, rules, settings, standby
from scheduler.services.migration import Target, relocate

GIB = 1024**3
# What whoever plays a solution does: let so many lab minutes pass; press the button of the step {step: key}.
OF_THE_PLAYER = ("wait", "press")
Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    verb: str
    args: Mapping[str, Any]


def read_acts(data: Any, line: int) -> tuple[Act, ...]:
    """Acts from loaded YAML.

    Raises:
        NotationError: an unknown verb, with its line.
    """
    if not isinstance(data, list):
        raise NotationError(line, "a list of acts is needed")
    return tuple(_act(one, line) for one in data)


def _act(data: Any, line: int) -> Act:
    if not isinstance(data, Block) or len(data) != 1:
        raise NotationError(line, "an act is a mapping with one key")
    (verb, args), at = next(iter(data.items())), next(iter(data.lines.values()))
    if verb not in VERBS and verb not in OF_THE_PLAYER:
        raise NotationError(at, f"unknown act “{verb}”; known are {', '.join(sorted([*VERBS, *OF_THE_PLAYER]))}")
    if not isinstance(args, Block):
        raise NotationError(at, f"“{verb}” needs a mapping")
    return Act(verb, args)


class Stage:
    """The objects of a lab by name or alias, for one person's acts."""

    def __init__(self, user: Any, vcenter: VCenter) -> None:
        self.user, self.vcenter = user, vcenter
        self.aliases = aliases_of(vcenter)

    def name(self, given: Any) -> str:
        text = str(given)
        return self.aliases.get(text[1:], text) if text.startswith("$") else text

    def _one(self, model: Any, given: Any, *related: str, **more: Any) -> Any:
        name = self.name(given)
        found = model.objects.filter(vcenter=self.vcenter, name=name, **more).select_related(*related).first()
        if found is None:
            raise faults.NotFound(what=f"“{name}”")
        return found

    def vm(self, given: Any) -> VirtualMachine:
        return self._one(VirtualMachine, given, "host__cluster", "pool__cluster", "folder", "vcenter")

    def host(self, given: Any) -> Host:
        return self._one(Host, given, "cluster", "vcenter")

    def cluster(self, given: Any = "$cluster") -> Cluster:
        return self._one(Cluster, given, "vcenter", "datacenter", "folder")

    def pool(self, given: Any) -> ResourcePool:
        if not given:
            return ResourcePool.objects.select_related("cluster", "vcenter").get(
                cluster=self.cluster(), parent__isnull=True
            )
        return self._one(ResourcePool, given, "cluster", "vcenter")

    def datastore(self, given: Any) -> Datastore:
        return self._one(Datastore, given, "vcenter")

    def network(self, given: Any) -> Network:
        return self._one(Network, given)

    def vm_folder(self) -> Folder:
        cluster = first_cluster(self.vcenter)
        return Folder.objects.select_related("datacenter", "vcenter").get(
            datacenter=cluster.datacenter if cluster else None, folder_kind=FolderKind.VM, fixed=True
        )


def play(act: Act, user: Any, vcenter: VCenter) -> Task | None:
    """Do it; the task where the hypervisors have something to do.

    Raises:
        MethodFault: the service refused, or an object does not exist.
    """
    return VERBS[act.verb](Stage(user, vcenter), act.args)


# --- virtual machines ------------------------------------------------------------------------------------------------
def _create(stage: Stage, args: Args) -> Task:
    fields = {k: v for k, v in args.items() if k not in ("name", "host", "pool", "datastore", "disk_gib", "power_on")}
    host = stage.host(args["host"]) if "host" in args else None
    pool = stage.pool(args.get("pool"))
    if host is not None and host.cluster_id != pool.cluster_id:
        pool = ResourcePool.objects.select_related("cluster", "vcenter").get(cluster=host.cluster, parent__isnull=True)
    return provisioning.create(
        stage.user,
        folder=stage.vm_folder(),
        pool=pool,
        name=args["name"],
        datastore=stage.datastore(args.get("datastore", "$datastore1")),
        host=host,
        disks=({"capacity_bytes": int(args.get("disk_gib", 16)) * GIB},),
        nics=({"network": stage.network("$network1").moref},),
        power_on=bool(args.get("power_on", False)),
        **fields,
    )


def _on_vm(service: Callable[..., Any]) -> Callable[[Stage, Args], Any]:
    return lambda stage, args: service(stage.user, stage.vm(args["vm"]))


def _reconfigure(stage: Stage, args: Args) -> Task:
    return vms.reconfigure(stage.user, stage.vm(args["vm"]), {k: v for k, v in args.items() if k != "vm"})


def _migrate(stage: Stage, args: Args) -> Task:
    return relocate(stage.user, stage.vm(args["vm"]), Target(host=stage.host(args["host"])))


def _snapshot(stage: Stage, args: Args) -> Task:
    return snapshots.take(stage.user, stage.vm(args["vm"]), args.get("name", "before"), memory=bool(args.get("memory")))


def _move_to_pool(stage: Stage, args: Args) -> Task:
    return vms.move_to_pool(stage.user, stage.vm(args["vm"]), stage.pool(args["pool"]))


# --- hosts -----------------------------------------------------------------------------------------------------------
def _maintenance(stage: Stage, args: Args) -> Task:
    change = maintenance.enter if args.get("enter", True) else maintenance.leave
    return change(stage.user, stage.host(args["host"]))


def _on_host(service: Callable[..., Any]) -> Callable[[Stage, Args], Any]:
    return lambda stage, args: service(stage.user, stage.host(args["host"]))


def _inject(stage: Stage, args: Args) -> Task:
    """A fault, or its repair; `minutes` until it mends itself, 0 = never."""
    obj: Any = stage.vm(args["vm"]) if "vm" in args else None
    obj = stage.host(args["host"]) if "host" in args else obj
    obj = stage.datastore(args["datastore"]) if "datastore" in args else obj
    minutes = args.get("minutes")
    duration_s = None if minutes is None else float(minutes) * 60
    return injection.inject(stage.user, obj, args["fault"], duration_s=duration_s, nic=int(args.get("nic", 0)))


# --- clusters --------------------------------------------------------------------------------------------------------
def _cluster(stage: Stage, args: Args) -> Task:
    return settings.reconfigure(stage.user, stage.cluster(), dict(args))


def _rule(stage: Stage, args: Args) -> None:
    """A rule by the names of its members; a VM-host rule makes its two groups."""
    cluster, values = stage.cluster(), dict(args)
    members = [stage.vm(name).moref for name in args.get("vms", ())]
    if args["kind"] == "vm_host":
        targets = [stage.host(name).moref for name in args["hosts"]]
        values["vm_group"] = _group(stage, cluster, f"{args['name']} VMs", "vm", members)
        values["host_group"] = _group(stage, cluster, f"{args['name']} hosts", "host", targets)
    else:
        values["members"] = members
    rules.save_rule(stage.user, cluster, values)


def _group(stage: Stage, cluster: Cluster, name: str, kind: str, members: list[str]) -> DrsGroup:
    known = DrsGroup.objects.filter(cluster=cluster, name=name).first()
    return rules.save_group(stage.user, cluster, name, kind, members, known)


def _override(stage: Stage, args: Args) -> None:
    rules.set_override(stage.user, [stage.vm(args["vm"])], **{k: str(v) for k, v in args.items() if k != "vm"})


def _delete_rule(stage: Stage, args: Args) -> None:
    rule = DrsRule.objects.select_related("cluster__vcenter").get(cluster=stage.cluster(), name=args["name"])
    rules.delete_rule(stage.user, rule)


def _run_drs(stage: Stage, args: Args) -> None:
    drs.run_now(stage.user, stage.cluster())


def _apply(stage: Stage, args: Args) -> None:
    drs.apply(stage.user, stage.cluster())


def _pool(stage: Stage, args: Args) -> Task:
    """Create it, or change it where there is one of that name."""
    values = {k: v for k, v in args.items() if k != "name"}
    known = ResourcePool.objects.filter(vcenter=stage.vcenter, name=args["name"], parent__isnull=False).first()
    if known is not None:
        return pools.reconfigure(stage.user, stage.pool(args["name"]), values)
    return pools.create(stage.user, stage.pool(None), args["name"], **values)


def _clock(stage: Stage, args: Args) -> Task:
    return clock.set_speed(stage.user, stage.vcenter, float(args["speed"]))


VERBS: dict[str, Callable[[Stage, Args], Any]] = {
    "create_vm": _create,
    "power_on": _on_vm(vms.power_on),
    "power_off": _on_vm(vms.power_off),
    "shut_down": _on_vm(vms.shutdown_guest),
    "reset": _on_vm(vms.reset),
    "suspend": _on_vm(vms.suspend),
    "delete_vm": _on_vm(vms.delete_from_disk),
    "reconfigure": _reconfigure,
    "migrate": _migrate,
    "snapshot": _snapshot,
    "remove_snapshots": _on_vm(snapshots.remove_all),
    "move_to_pool": _move_to_pool,
    "maintenance": _maintenance,
    "standby": _on_host(standby.enter),
    "wake": _on_host(standby.leave),
    "power_on_host": _on_host(hosts.power_on),
    "inject": _inject,
    "cluster": _cluster,
    "rule": _rule,
    "override": _override,
    "delete_rule": _delete_rule,
    "run_drs": _run_drs,
    "apply": _apply,
    "pool": _pool,
    "clock": _clock,
}
