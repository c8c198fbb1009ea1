"""Django's handle on the scheduler app."""

from django.apps import AppConfig


class SchedulerConfig(AppConfig):
    """Names the app, and listens to the inventory: beats of the pump, and questions of where a VM starts."""

    name = "scheduler"

    def ready(self) -> None:
        """Connect; imported here because models exist only now."""
        from inventory import placement, pump
        from inventory.services import host_moves
        from scheduler import (
            actions,
            alarm_figures,
            departures,
            exchange,
            failover,
            failover_admission,
            forms,
            heartbeat,
            isolation,
            monitoring,
            placing,
            scheduled,
            until,
        )

        assert forms  # the dialogs register themselves
        actions.register()
        alarm_figures.register()
        scheduled.register()
        until.register()
        exchange.register()

        if heartbeat.on_beat not in pump.LISTENERS:
            pump.LISTENERS.append(heartbeat.on_beat)
            pump.RECORDERS.append(heartbeat.record)
            pump.WATCHERS += [failover.restarts_wait, isolation.waits, monitoring.waits]
        if departures.host_leaves not in host_moves.LEAVING:
            host_moves.LEAVING.append(departures.host_leaves)
        if placing.drs_host not in placement.PLACERS:
            placement.PLACERS.append(placing.drs_host)
            placement.GUARDS.append(failover_admission.admit)
