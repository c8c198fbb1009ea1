"""What is metered: watts times the time between two readings, and what sleeping hosts would have drawn."""

from __future__ import annotations

import numpy as np
import pytest

from domain.counters import row
from domain.hardware import SERVER_MODELS, STANDBY_W
from domain.states import StandbyMode
from inventory import metrics
from inventory.models import Host
from scheduler import energy
from scheduler.models import ClusterSchedule
from tests import builders, pumping

pytestmark = pytest.mark.django_db(transaction=True)


def test_joules_add_up_and_the_twin_draws_what_sleeping_hosts_save():
    lab = builders.small_lab(hosts=2, vms=2)
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    pumping.advance(lab.vcenter, 60)
    ClusterSchedule.objects.filter(cluster=lab.cluster).delete()
    watts = metrics.latest(lab.vcenter).host[row("host", 157)]
    drawn_w = float(np.nansum(watts[[host.slot for host in lab.hosts]]))
    assert drawn_w > 0

    energy.meter(lab.vcenter, 1000.0)  # begins
    energy.meter(lab.vcenter, 1040.0)
    Host.objects.filter(pk=lab.hosts[0].pk).update(standby_mode=StandbyMode.IN)
    energy.meter(lab.vcenter, 1060.0)
    energy.meter(lab.vcenter, 1050.0)  # a clock that was turned back draws nothing

    schedule = ClusterSchedule.objects.get(cluster=lab.cluster)
    saved_w = SERVER_MODELS[lab.hosts[0].model].watts[0] - STANDBY_W
    assert schedule.energy_j == pytest.approx(60 * drawn_w)
    assert schedule.twin_energy_j == pytest.approx(60 * drawn_w + 20 * saved_w)
    assert (schedule.host_off_s, schedule.metered_lab_s) == (20.0, 1050.0)
