"""Networks (port groups): create, rename, destroy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain.morefs import FolderKind, Kind
from hypervisors.port import Config
from inventory import ids, specs
from inventory.journal import changing
from inventory.models import Folder, Host, HostNetwork, Network, Task, VirtualNic
from inventory.services import attached
from inventory.services.attached import Attached
from inventory.services.base import check, instant, number
from inventory.services.containers import datacenter_of

KIND = Attached(
    "Network", FolderKind.NETWORK, HostNetwork, VirtualNic, specs.network_spec, Config.NETWORK, Config.REMOVE_NETWORK,
    "Network.Config", "Network.Delete",
)  # fmt: skip


def create(user: Any, folder: Folder, name: str, vlan: int, hosts: Iterable[Host]) -> Task:
    """A port group of that name on each of `hosts`: one network."""
    hosts = list(hosts)
    asked: list[Host | Folder] = [*hosts] or [folder]
    check(user, "Host.Config.Network", *asked)
    name = attached.new_name(KIND, folder, name, Network.objects)
    number({"vlan": vlan}, "vlan", 0, 4095)
    with changing(folder.vcenter, user) as change:
        network = Network.objects.create(
            vcenter=folder.vcenter,
            moref=ids.new_moref(folder.vcenter, Kind.NETWORK),
            name=name,
            folder=folder,
            datacenter=datacenter_of(folder),
            vlan=vlan,
        )
        attached.describe(change, KIND, network)
        for host in hosts:
            HostNetwork.objects.create(host=host, network=network)
            attached.tell(change, host)
        change.event("NetworkCreatedEvent", network, folder)
        change.fact("tree.changed", folder.moref)
        return instant(change, "HostNetworkSystem.addPortGroup", network)


def rename(user: Any, network: Network, name: str) -> Task:
    return attached.rename(KIND, user, network, name)


def destroy(user: Any, network: Network) -> Task:
    """Raises ResourceInUse while a virtual machine has an adapter there."""
    return attached.destroy(KIND, user, network)
