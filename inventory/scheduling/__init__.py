"""Scheduled tasks: what can be done by the clock (`verbs`), when (`timing`), and how it is done then (`entrance`).

Other apps add verbs of their own with `add` when Django starts.
"""

from inventory.scheduling.verbs import VERBS, Many, Verb, add, verbs_for

__all__ = ["VERBS", "Many", "Verb", "add", "verbs_for"]
