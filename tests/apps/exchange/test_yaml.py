"""Inventories as YAML: out, in, out again; and what strangers might send."""

from __future__ import annotations

import json
from random import Random

import pytest

from inventory import seeding
from inventory.exchange import build, compare, describe, safe
from inventory.management.commands.verify_fleet import Command as VerifyFleet
from inventory.models import (
    CustomAttribute,
    CustomValue,
    Folder,
    Host,
    License,
    ResourcePool,
    Tag,
    TagAssignment,
    TagCategory,
    VCenter,
    VirtualMachine,
)
from scheduler.models import DrsGroup, DrsRule
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab():
    """A lab with one of everything that a document can hold."""
    made = builders.small_lab(hosts=2, vms=3)
    cast.make_cast(made.vcenter)
    category = TagCategory.objects.create(vcenter=made.vcenter, name="Tier", multiple=False, kinds=["VirtualMachine"])
    tag = Tag.objects.create(category=category, name="gold", description="fast")
    attribute = CustomAttribute.objects.create(vcenter=made.vcenter, name="owner")
    vm = made.vms[0]
    TagAssignment.objects.create(tag=tag, vcenter=made.vcenter, entity=vm.moref)
    CustomValue.objects.create(attribute=attribute, vcenter=made.vcenter, entity=vm.moref, value="김")
    license = License.objects.create(vcenter=made.vcenter, name="A-KEY", edition="essentials", cores=48)
    Host.objects.filter(pk=made.hosts[0].pk).update(license=license, vmotion_ip_family="ipv6")
    builders.make_folder(made.vm_folder, "deep")
    builders.make_pool(made.pool, "Inner")
    machines = DrsGroup.objects.create(cluster=made.cluster, name="web", kind="vm", members=[vm.moref])
    hosts = DrsGroup.objects.create(cluster=made.cluster, name="left", kind="host", members=[made.hosts[0].moref])
    DrsRule.objects.create(cluster=made.cluster, name="stay", kind="vm_host", vm_group=machines, host_group=hosts)
    both = [vm.moref, made.vms[1].moref]
    DrsRule.objects.create(cluster=made.cluster, name="apart", kind="anti_affinity", members=both, enabled=False)
    made.cluster.drs_options = {"z": 1, "a": 2}
    made.cluster.save()
    return made


def exported(vcenter):
    return safe.dump(describe.of(vcenter))


def test_out_in_and_out_again_is_the_same_text(lab):
    first = exported(lab.vcenter)
    made = build.build(safe.load(first.encode())).vcenter
    assert exported(made) == first
    assert made.uuid != lab.vcenter.uuid
    assert "김" in first
    assert exported(lab.vcenter) == first


def test_a_seeded_lab_comes_through_and_runs(lab):
    plan = seeding.Plan(hosts=4, vms=30)
    vcenter = seeding.new_vcenter(plan)
    seeding.make(vcenter, plan)
    text = exported(vcenter)
    outcome = build.build(safe.load(text.encode()), clock_speed=0.0)
    assert exported(outcome.vcenter) == text
    assert outcome.counts["vms"] == VirtualMachine.objects.filter(vcenter=vcenter, template=False).count()
    pumping.advance(outcome.vcenter, 40)
    assert VerifyFleet()._differences(VCenter.objects.get(pk=outcome.vcenter.pk)) == []


def test_one_datacenter_alone_is_a_document_as_well(lab):
    builders.make_datacenter(lab.vcenter, "Other")
    document = describe.of(lab.vcenter, lab.datacenter)
    assert [one["name"] for one in document["datacenters"]] == ["Main"]
    assert build.build(document).counts["datacenters"] == 1


def test_a_preview_changes_nothing(lab):
    before = (VCenter.objects.count(), Folder.objects.count())
    outcome = build.preview(describe.of(lab.vcenter))
    assert (outcome.problems, outcome.counts["vms"], outcome.counts["templates"]) == ([], 3, 1)
    assert (VCenter.objects.count(), Folder.objects.count()) == before


def spoilt(document, *path, value):
    """The document with one value replaced."""
    at = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return document


DC = ("datacenters", 0)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("format",), 99, "format"),
        (("timezone",), "Mars/Olympus", "timezone"),
        (("surprise",), 1, "surprise"),
        ((*DC, "vms"), "many", "datacenters[1].vms"),
        ((*DC, "vms", 0, "host"), "nowhere", "datacenters[1].vms[1].host"),
        ((*DC, "vms", 0, "vcpus"), 0, "datacenters[1].vms[1].vcpus"),
        ((*DC, "vms", 0, "vcpus"), "two", "datacenters[1].vms[1].vcpus"),
        ((*DC, "vms", 0, "vcpus"), True, "datacenters[1].vms[1].vcpus"),
        ((*DC, "vms", 0, "vcpus"), 1.5, "datacenters[1].vms[1].vcpus"),
        ((*DC, "vms", 0, "pool"), ["None"], "datacenters[1].vms[1].pool"),
        ((*DC, "vms", 0, "power_state"), "exploded", "datacenters[1].vms[1].power_state"),
        ((*DC, "vms", 0, "disks", 0, "datastore"), "gone", "datacenters[1].vms[1].disks[1].datastore"),
        ((*DC, "vms", 0, "disks", 0, "capacity_bytes"), -1, "datacenters[1].vms[1].disks[1].capacity_bytes"),
        ((*DC, "vms", 0, "tags"), [["Tier", "lead"]], "datacenters[1].vms[1].tags"),
        ((*DC, "clusters", 0, "hosts", 0, "model"), "abacus", "datacenters[1].clusters[1].hosts[1].model"),
        ((*DC, "clusters", 0, "evc_mode"), "z80", "datacenters[1].clusters[1].evc_mode"),
        ((*DC, "clusters", 0, "drs_threshold"), {"a": 1}, "datacenters[1].clusters[1].drs_threshold"),
        ((*DC, "datastores", 0, "name"), "x" * 81, "datacenters[1].datastores[1].name"),
        ((*DC, "folders", "vm", 0, "path"), [], "datacenters[1].folders.vm[1].path"),
        (
            (*DC, "clusters", 0, "hosts", 0, "vmotion_ip_family"),
            "ipx",
            "datacenters[1].clusters[1].hosts[1].vmotion_ip_family",
        ),
        ((*DC, "clusters", 0, "hosts", 0, "license"), "NO-KEY", "datacenters[1].clusters[1].hosts[1].license"),
        (("licenses", 0, "cores"), 1, "datacenters[1].clusters[1].hosts[1].license"),
        (("licenses", 0, "cores"), 0, "licenses[1].cores"),
        (("licenses", 0, "edition"), "gold", "licenses[1].edition"),
        (("licenses",), [{"name": "A-KEY"}] * 2, "licenses[2].name"),
        (("permissions",), [{"user": "nobody", "role": "Read-only"}], "permissions[1]"),
    ],
)
def test_every_problem_is_named_by_its_place_and_nothing_is_made(lab, path, value, where):
    document = spoilt(describe.of(lab.vcenter), *path, value=value)
    before = VCenter.objects.count()
    with pytest.raises(build.Refused) as refused:
        build.build(document)
    assert where in {problem.where for problem in refused.value.problems}
    assert VCenter.objects.count() == before


def test_a_name_that_is_there_twice_is_refused(lab):
    document = describe.of(lab.vcenter)
    for key in ("vms", "clusters", "networks", "datastores"):
        twice = {**document, "datacenters": [{**document["datacenters"][0]}]}
        rows = twice["datacenters"][0][key]
        twice["datacenters"][0][key] = [*rows, rows[0]]
        with pytest.raises(build.Refused):
            build.build(twice)


BOMBS = {
    "aliases": b"a: &a [1,1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "deep": b"a: " + b"[" * 40 + b"]" * 40,
    "object": b"a: !!python/object/apply:os.system ['true']\n",
    "tag": b"a: !!set {b, c}\n",
    "date": b"a: 2026-01-01\n",
    "no number": b"a: .nan\n",
    "infinite": b"a: .inf\n",
    "bytes": b"a: !!binary aGVsbG8=\n",
    "a list": b"- a\n",
    "nothing": b"",
    "no yaml": b"a: [1\n",
    "no text": b"\xff\xfe\x00",
    "long": b"a: " + b"x" * 9000,
    "a number as key": b"1: a\n",
    "large": b"#" * (safe.BYTES_MAX + 1),
    "an absurd integer": b"a: " + b"9" * 5000,
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_hostile_files_are_refused_in_words(data):
    with pytest.raises(safe.Unreadable):
        safe.load(data)


# --- shares ----------------------------------------------------------------------------------------------------------
def shares_of(document, name):
    """(level, CPU shares, memory shares) of a machine or pool of the vCenter that a document makes."""
    vcenter = build.build(document).vcenter
    rows = [*VirtualMachine.objects.filter(vcenter=vcenter, name=name)]
    rows += ResourcePool.objects.filter(vcenter=vcenter, name=name)
    return [(str(one.cpu_shares_level), one.cpu_shares, one.memory_shares) for one in rows]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, ("normal", 4000, 40_960)),
        ({"cpu_shares_level": "low", "memory_shares_level": "low"}, ("low", 2000, 20_480)),
        ({"cpu_shares_level": "high", "memory_shares_level": "high"}, ("high", 8000, 81_920)),
        ({"cpu_shares_level": "high", "cpu_shares": 1, "memory_shares_level": "normal"}, ("high", 8000, 40_960)),
        ({"cpu_shares_level": "custom", "cpu_shares": 77}, ("custom", 77, 40_960)),
        ({"cpu_shares": 4000, "memory_shares": 40_960}, ("normal", 4000, 40_960)),
        ({"cpu_shares": 5000, "memory_shares": 7}, ("custom", 5000, 7)),
    ],
)
def test_a_level_without_a_figure_gives_the_shares_of_its_size(lab, told, expected):
    document = describe.of(lab.vcenter)
    vm = document["datacenters"][0]["vms"][0]
    plain = {key: value for key, value in vm.items() if "shares" not in key}
    document["datacenters"][0]["vms"][0] = {**plain, "name": "written", "vcpus": 4, "memory_mib": 4096, **told}
    assert shares_of(document, "written") == [expected]


def test_a_pool_counts_as_four_cpus_and_sixteen_gigabytes(lab):
    document = describe.of(lab.vcenter)
    named = {"silent": {}, "little": {"cpu_shares_level": "low", "memory_shares_level": "high"}}
    document["datacenters"][0]["clusters"][0]["pools"] += [{"name": name, **told} for name, told in named.items()]
    assert shares_of(document, "silent") == [("normal", 4000, 163_840)]
    assert shares_of(document, "little") == [("low", 2000, 327_680)]


@pytest.mark.parametrize("level", ["HIGH", "", "<b>high</b>", 3, True, None, ["high"], {"high": 1}, "x" * 9000])
@pytest.mark.parametrize("name", ["cpu_shares_level", "memory_shares_level"])
def test_a_level_that_is_none_is_refused_at_its_place(lab, name, level):
    document = describe.of(lab.vcenter)
    document["datacenters"][0]["vms"][0][name] = level
    assert f"datacenters[1].vms[1].{name}" in {one.where for one in build.preview(document).problems}


@pytest.mark.parametrize("figure", [0, -1, 1_000_001, 10**30, "many", True, None, 1.5, [1000]])
def test_a_custom_figure_out_of_range_is_refused_at_its_place(lab, figure):
    document = describe.of(lab.vcenter)
    document["datacenters"][0]["vms"][0] |= {"cpu_shares_level": "custom", "cpu_shares": figure}
    assert "datacenters[1].vms[1].cpu_shares" in {one.where for one in build.preview(document).problems}


def test_shares_written_alone_are_compared_as_they_would_be_taken_in(lab):
    running, wanted = describe.of(lab.vcenter), describe.of(lab.vcenter)
    wanted["datacenters"][0]["vms"][0]["cpu_shares"] = 777
    found = {(one.field, one.after) for one in compare.differences(running, wanted)}
    assert found == {("cpu_shares", 777), ("cpu_shares_level", "custom")}


def test_memory_that_is_changed_in_an_export_leaves_the_level_of_shares(lab):
    VirtualMachine.objects.filter(pk=lab.vm.pk).update(memory_mib=8192, memory_shares=81_920)
    running, wanted = describe.of(lab.vcenter), describe.of(lab.vcenter)
    machine = next(vm for vm in wanted["datacenters"][0]["vms"] if vm["name"] == lab.vm.name)
    machine["memory_mib"] = 9216
    found = [(one.field, one.before, one.after) for one in compare.differences(running, wanted)]
    assert found == [("memory_mib", 8192, 9216)]


def test_a_figure_of_ones_own_is_exported_and_told_from_what_the_level_gave(lab):
    VirtualMachine.objects.filter(pk=lab.vm.pk).update(cpu_shares_level="custom", cpu_shares=777)
    before = lab.vm.cpu_shares
    wanted = describe.of(VCenter.objects.get(pk=lab.vcenter.pk))
    VirtualMachine.objects.filter(pk=lab.vm.pk).update(cpu_shares_level="normal", cpu_shares=before)
    found = {one.field: (one.before, one.after) for one in compare.differences(describe.of(lab.vcenter), wanted)}
    assert found == {"cpu_shares": (before, 777), "cpu_shares_level": ("normal", "custom")}


def test_what_is_no_inventory_is_refused():
    for text in (b"hello: world", b"format: 1\nname: [a]\n", b"format: 1\nname: x\ndatacenters: {a: b}\n"):
        with pytest.raises(build.Refused):
            build.build(safe.load(text))


def leaves(value, path=()):
    """The paths of everything in a document."""
    yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))


ODD = [
    None,
    True,
    -1,
    10**30,
    10**400,
    1e300,
    "",
    "x" * 300,
    "\x00",
    [],
    [[]],
    [["a"], {}],
    {},
    {"a": {"b": []}},
    [None, 1],
]


def test_whatever_stands_anywhere_is_taken_or_refused_but_breaks_nothing(lab):
    document = describe.of(lab.vcenter)
    places = [path for path in leaves(document) if path]
    random = Random(7)
    for _round in range(150):
        path, odd = random.choice(places), random.choice(ODD)
        changed = spoilt(json.loads(json.dumps(document)), *path, value=odd)
        outcome = build.preview(changed)  # any other exception is a bug
        assert outcome.problems or outcome.counts["datacenters"] >= 0
        list(compare.flattened(changed))
