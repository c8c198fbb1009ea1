"""The vocabulary of a datacenter: ids, states, faults, units, limits. Standard library and numpy only."""
