"""Who runs where, and which hosts are on: pure decisions over a frozen cluster.

No clock, no input or output, no Django: the same snapshot, options and lab time always give the same plan.
"""
