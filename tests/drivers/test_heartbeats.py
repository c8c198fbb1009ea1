"""What a guest tells of itself: its tools beat while it runs, its uptime counts from its boot."""

import numpy as np

from hypervisors.port import Op
from hypervisors.simulated.tables import Hog
from tests.drivers.rig import Rig, lab, vm_id

HEARTBEAT, UPTIME = 156, 155


def test_tools_beat_once_a_second_and_not_from_a_crashed_or_stopped_guest() -> None:
    rig = Rig(lab(off=1))
    rig.run(60)
    assert rig.figure("vm", HEARTBEAT, 0) == 20
    assert np.isnan(rig.figure("vm", HEARTBEAT, 8)), "it is off"
    rig.inject("guest_crash", vm_id(0))
    rig.run(20)
    assert rig.state.vms.hog[0] & Hog.HALTED
    assert rig.figure("vm", HEARTBEAT, 0) == 0
    assert rig.figure("vm", HEARTBEAT, 3) == 20


def test_a_booting_guest_does_not_beat_yet() -> None:
    rig = Rig(lab(off=1))
    rig.run_until(rig.do(Op.POWER_ON, vm_id(8)))
    rig.run(20)
    assert rig.figure("vm", HEARTBEAT, 8) == 0
    rig.run(120)
    assert rig.figure("vm", HEARTBEAT, 8) == 20


def test_a_suspension_does_not_begin_the_uptime_anew() -> None:
    rig = Rig(lab(off=1))
    rig.run_until(rig.do(Op.POWER_ON, vm_id(8)))
    booted = float(rig.state.vms.boot_s[8])
    rig.run(100)
    rig.run_until(rig.do(Op.SUSPEND, vm_id(8)))
    rig.run_until(rig.do(Op.RESUME, vm_id(8)))
    rig.run(40)
    assert float(rig.state.vms.boot_s[8]) == booted
    assert rig.figure("vm", UPTIME, 8) >= 120  # the newest sample is up to 20 s old
