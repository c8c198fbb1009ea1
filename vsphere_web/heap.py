"""The garbage collector of processes that serve for long."""

import gc

# A page makes some ten thousand objects that die with it; looking for rings among them every 700 costs 5 % of it.
NEW_OBJECTS = 20_000


def settle() -> None:
    """What starting a process has made stays until it ends: no collection walks through it again.

    A full collection of Django, its models and templates takes a tenth of a second, under whoever waits for a page.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
