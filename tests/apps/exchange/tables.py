"""A small export of RVTools, with rows that make no sense among those that do."""

from __future__ import annotations

import io
import zipfile

TABLES = {
    "vHost": [
        ["Host", "Datacenter", "Cluster", "CPU Model", "Speed", "HT Active", "# CPU", "# Cores", "# Memory", "# NICs"],
        ["esx1.corp", "Seoul", "Prod", "Xeon Gold 6248", "2,500", "True", "2", "40", "392858", "4"],
        ["esx2.corp", "Seoul", "Prod", "Xeon Gold 6248", "2500", "True", "2", "40", "lots", "4"],
        ["lone.corp", "Busan", "", "Xeon", "2000", "False", "1", "8", "65536", "2"],
    ],
    "vCluster": [["Name", "HA enabled", "DRS enabled", "DRS default VM behavior"], ["Prod", "True", "True", "manual"]],
    "vDatastore": [
        ["Name", "Hosts", "Capacity MiB", "Type"],
        ["san1", "esx1.corp, esx2.corp", "4194304", "VMFS"],
        ["nas", "lone.corp", "1048576", "NFS"],
        ["", "", "", ""],
        ["broken", "esx1.corp", "none", "VMFS"],
    ],
    "vInfo": [
        ["VM", "Powerstate", "Template", "CPUs", "Memory", "Host", "Folder", "OS according to the configuration file",
         "Annotation", "VM UUID"],
        ["shop", "poweredOn", "False", "4", "8192", "esx1.corp", "/Seoul/vm/Web/Shop", "Ubuntu Linux", "=1+1", "u1"],
        ["gold", "poweredOff", "True", "2", "4096", "esx2.corp", "", "Microsoft Windows Server 2019", "", "u2"],
        ["edge", "poweredOn", "False", "1", "1024", "lone.corp", "", "Other", "", "u3"],
        ["orphan", "poweredOn", "False", "1", "1024", "gone.corp", "", "", "", "u4"],
        ["shop", "poweredOn", "False", "4", "8192", "esx1.corp", "/Seoul/vm/Web/Shop", "", "", "u5"],
    ],
    "vDisk": [
        ["VM", "Host", "Capacity MiB", "Thin", "Path", "VM UUID"],
        ["shop", "esx1.corp", "102400", "True", "[san1] shop/shop.vmdk", "u1"],
        ["gold", "esx2.corp", "40960", "False", "[san1] gold/gold.vmdk", "u2"],
        ["edge", "lone.corp", "10240", "True", "[void] edge/edge.vmdk", "u3"],
    ],
    "vNetwork": [
        ["VM", "Host", "Network", "Connected", "Mac Address", "VM UUID"],
        ["shop", "esx1.corp", "VLAN 110", "True", "00:50:56:AA:BB:CC", "u1"],
    ],
}  # fmt: skip


def zipped(tables, separator=",", encoding="utf-8", prefix="RVTools_tab"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            lines = [separator.join(f'"{cell}"' for cell in row) for row in rows]
            archive.writestr(f"export/{prefix}{name}.csv", "\r\n".join(lines).encode(encoding))
    return packed.getvalue()
