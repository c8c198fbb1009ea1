"""Making whole datacenters: the demo, a big one for measuring, a lab of a class.

Rows are written in bulk, thousands per transaction, straight into the tables: at 40,000 VMs a service per VM would take
hours. The fleet is then built from the inventory by the next pump (there is no state yet, so it rebuilds).
"""

from __future__ import annotations

import random
from typing import Any

from domain import morefs
from domain.morefs import FolderKind
from inventory.models import Folder, VCenter
from inventory.seeding.hosts import make_hosts
from inventory.seeding.machines import book_space, make_machines, make_shop
from inventory.seeding.places import make_containers
from inventory.seeding.plan import Plan as Plan
from inventory.seeding.plan import Progress, silent


def make(vcenter: VCenter, plan: Plan, progress: Progress = silent) -> None:
    """Fill an empty vCenter by the plan. The same plan and seed give the same inventory, uuids included."""
    rng = random.Random(plan.seed)
    clusters = make_containers(vcenter, plan, rng)
    hosts = make_hosts(vcenter, plan, clusters, rng, progress)
    make_machines(vcenter, plan, hosts, rng, progress)
    if plan.shop:
        make_shop(vcenter, clusters[0])
    book_space(vcenter)


def new_vcenter(plan: Plan, **fields: Any) -> VCenter:
    """An empty vCenter with its root folder."""
    vcenter = VCenter.objects.create(name=plan.name, seed=plan.seed, **fields)
    Folder.objects.create(
        vcenter=vcenter, moref=morefs.ROOT_FOLDER, name="Datacenters", folder_kind=FolderKind.DATACENTER, fixed=True
    )
    return vcenter
