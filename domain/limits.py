"""Configuration maxima, one table (vSphere 8 where a source gives a figure); a lab may only lower a value."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3
TIB = 1024**4


@dataclass(frozen=True, slots=True)
class Limits:
    """Each field is the largest allowed value; sizes carry their unit in the name."""

    name_length: int = 80
    notes_length: int = 4096
    vcpus_per_vm: int = 768
    cores_per_socket: int = 256
    memory_mib_per_vm: int = 24 * 1024 * 1024
    memory_step_mib: int = 4
    disk_bytes: int = 62 * TIB
    disks_per_vm: int = 256
    nics_per_vm: int = 10
    snapshot_depth: int = 32
    vms_per_host: int = 1024
    vcpus_per_host: int = 4096
    logical_cpus_per_host: int = 960
    memory_mib_per_host: int = 24 * 1024 * 1024
    hosts_per_cluster: int = 96
    vms_per_cluster: int = 10_000
    hosts_per_vcenter: int = 2_500
    powered_on_vms: int = 40_000
    registered_vms: int = 45_000
    pools_per_cluster: int = 1_600
    children_per_pool: int = 1_100
    pool_depth: int = 8
    folder_depth: int = 16
    datastores_per_host: int = 1_024
    hosts_per_datastore: int = 128
    datastore_bytes: int = 64 * TIB
    shares: int = 1_000_000


DEFAULT_LIMITS = Limits()
