"""Constants of the VM DRS score.  All are modelling decisions: the vendor's formula is unpublished."""

CACHE_TAX = 0.10  # lost at 100 % CPU use, from CACHE_KNEE on: shared caches and SMT
CACHE_KNEE = 0.7
BURST_TAX = 0.10  # lost when a host has no free memory for a quarter of a VM's idle memory
NET_TAX = 0.10  # lost at 100 % NIC use, from NET_KNEE on
NET_KNEE = 0.8
RECLAIM_TAX = 0.2  # of each MiB that a host must take back: ballooning, the mildest way
