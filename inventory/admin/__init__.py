"""The admin site: every table, to look at; what changes the datacenter goes through the services, as actions."""

from inventory.admin import alarms, compute, machines, people, schedules, signin, site, storage, tags, tree, work

__all__ = ["alarms", "compute", "machines", "people", "schedules", "signin", "site", "storage", "tags", "tree", "work"]
