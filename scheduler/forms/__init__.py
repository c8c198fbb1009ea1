"""Dialogs and wizards of the scheduler; importing the package registers them."""

from scheduler.forms import cluster, hosts, inject, migrate, overrides, power, rates, rules

__all__ = ["cluster", "hosts", "inject", "migrate", "overrides", "power", "rates", "rules"]
