"""Pages of a cluster's DRS: who sees and changes what, bad input, and what the buttons do."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from domain.states import VmPower
from inventory.models import AuditEntry, VirtualMachine
from scheduler.models import BmcSecret, Decision, DrsFault, DrsGroup, DrsRule, Recommendation
from scheduler.services import bmc, cycles
from tests import builders, pumping
from tests.cast import make_cast

pytestmark = pytest.mark.django_db(transaction=True)
MONITOR = (
    "recommendations", "faults", "drs-history", "scores", "cpu-utilization", "memory-utilization",
    "network-utilization", "decisions", "drs-check", "power", "replay",
)  # fmt: skip
CONFIGURE = ("drs", "ha", "evc", "groups", "rules", "overrides", "host-options")
PAGES = [("monitor", slug) for slug in MONITOR] + [("configure", slug) for slug in CONFIGURE] + [("summary", "")]
MOST_QUERIES = 25


class World:
    """A cluster whose DRS has run once, with rules, groups, a fault and a recommendation, and the cast."""

    def __init__(self) -> None:
        self.lab = builders.small_lab(hosts=3, vms=6)
        self.cluster = self.lab.cluster
        for name, value in {"drs_enabled": True, "drs_automation": "manual", "dpm_enabled": True}.items():
            setattr(self.cluster, name, value)
        self.cluster.save()
        self.vms = list(VirtualMachine.objects.filter(host__cluster=self.cluster, template=False).order_by("id"))
        VirtualMachine.objects.filter(pk__in=[vm.pk for vm in self.vms]).update(power_state=VmPower.ON)
        pumping.hold_clock(self.lab.vcenter)
        pumping.beat(self.lab.vcenter)
        pumping.advance(self.lab.vcenter, 60)
        self.cast = make_cast(self.lab.vcenter)
        self.cluster.refresh_from_db()

    def client(self, who: str) -> Client:
        client = Client()
        client.force_login(getattr(self.cast, who))
        return client

    def page(self, tab: str, slug: str = "") -> str:
        where = (self.lab.vcenter.uuid, self.cluster.moref, tab)
        return (
            reverse("inventory:object-section", args=(*where, slug))
            if slug
            else reverse("inventory:object-tab", args=where)
        )

    def dialog(self, name: str, query: str = "", obj: object = None) -> str:
        moref = getattr(obj or self.cluster, "moref", "")
        url = reverse("inventory:dialog", args=(self.lab.vcenter.uuid, moref, name))
        return f"{url}?{query}" if query else url

    def verb(self, name: str) -> str:
        return reverse(f"scheduler:drs-{name}", args=(self.lab.vcenter.uuid, self.cluster.moref))

    def recommend(self, key: str, vm: VirtualMachine, **more: object) -> Recommendation:
        target = next(h for h in self.lab.hosts if h.pk != vm.host_id)
        return Recommendation.objects.create(
            cluster=self.cluster, key=key, kind="migrate", priority=2, reason="fairnessCpuAvg", vm=vm.moref,
            text="Balance CPU load: %(source)s is at %(source_cpu_pct)s %% of its CPU",
            fields={"source": vm.host.name, "source_cpu_pct": 91.5}, vm_name=vm.name, source=vm.host.moref,
            source_name=vm.host.name, destination=target.moref, destination_name=target.name, created_lab_s=1.0,
            **more,
        )  # fmt: skip

    def fill(self) -> None:
        """One of everything that the pages list."""
        cycles.run(self.cluster.pk)
        vms = [vm.moref for vm in self.vms]
        group = DrsGroup.objects.create(cluster=self.cluster, name="web", kind="vm", members=vms[:2])
        hosts = DrsGroup.objects.create(
            cluster=self.cluster, name="left", kind="host", members=[self.lab.hosts[0].moref]
        )
        DrsRule.objects.create(cluster=self.cluster, name="together", kind="affinity", members=vms[:2])
        DrsRule.objects.create(cluster=self.cluster, name="apart", kind="anti_affinity", members=vms[:2])
        DrsRule.objects.create(cluster=self.cluster, name="on", kind="vm_host", vm_group=group, host_group=hosts)
        fault = {"fault": "InvalidState", "fields": {"name": "x", "reason": "y"}}
        DrsFault.objects.create(
            cluster=self.cluster, lab_s=1.0, vm=vms[0], vm_name="x", problem="balance", fault=fault,
            hosts={self.lab.hosts[0].moref: fault},
        )  # fmt: skip
        self.recommend("m1", self.vms[0])
        VirtualMachine.objects.filter(pk=self.vms[3].pk).update(drs_override="manual")


@pytest.fixture
def world(db):
    return World()


# --- seeing ----------------------------------------------------------------------------------------------------------
def test_every_page_shows_itself_to_owner_and_reader_and_to_no_stranger(world, django_assert_max_num_queries):
    world.fill()
    owner, reader, outsider = (world.client(who) for who in ("student", "reader", "outsider"))
    for tab, slug in PAGES:
        owner.get(world.page(tab, slug))
        with django_assert_max_num_queries(MOST_QUERIES):
            answer = owner.get(world.page(tab, slug), headers={"HX-Request": "true"})
        assert answer.status_code == 200, slug
        assert reader.get(world.page(tab, slug)).status_code == 200, slug
        assert outsider.get(world.page(tab, slug)).status_code == 404, slug


def test_pages_of_a_cluster_without_a_cycle_say_so(world):
    Decision.objects.all().delete()
    owner = world.client("student")
    for tab, slug in PAGES:
        assert owner.get(world.page(tab, slug)).status_code == 200, slug


def test_a_reader_sees_buttons_greyed_with_the_reason(world):
    world.fill()
    reader = world.client("reader")
    for slug in CONFIGURE:
        text = reader.get(world.page("configure", slug)).content.decode()
        assert "data-dialog=" not in text.split('id="content"')[1], slug
        assert "You need the privilege" in text, slug
    assert "data-recommendations" in reader.get(world.page("monitor", "recommendations")).content.decode()


DIALOGS = ("drs-settings", "ha-settings", "evc-mode", "drs-group", "drs-rule", "vm-override", "power-price")


def test_dialogs_open_for_the_owner_alone(world):
    world.fill()
    for name in DIALOGS:
        assert world.client("student").get(world.dialog(name)).status_code == 200, name
        assert world.client("reader").get(world.dialog(name)).status_code == 403, name
        assert world.client("outsider").get(world.dialog(name)).status_code == 404, name
        assert world.client("student").get(world.dialog(name, obj=world.lab.host)).status_code == 404, name


def test_the_buttons_answer_owner_reader_and_stranger(world):
    for verb in ("run", "apply"):
        assert world.client("reader").post(world.verb(verb)).status_code == 403
        assert world.client("outsider").post(world.verb(verb)).status_code == 404
        assert world.client("student").get(world.verb(verb)).status_code == 405
        answer = world.client("student").post(world.verb(verb), headers={"X-Requested-With": "fetch"})
        assert answer.status_code == 202, answer.content


# --- changing --------------------------------------------------------------------------------------------------------
SETTINGS = {
    "drs_enabled": "on", "drs_automation": "partiallyAutomated", "drs_threshold": "4", "drs_vm_overrides": "on",
    "engine": "score", "memory_metric": "consumed", "max_vcpus_per_core": "8", "dpm_automation": "automated",
    "dpm_threshold": "2", "min_hosts_on": "1", "spare_hosts": "0", "trigger": "any",
}  # fmt: skip


def test_settings_are_stored_and_act(world):
    sent = {**SETTINGS, "version": world.cluster.change_version, "advanced_name": "MinGoodness", "advanced_value": "5"}
    assert world.client("student").post(world.dialog("drs-settings"), sent).status_code == 202
    world.cluster.refresh_from_db()
    assert (world.cluster.drs_automation, world.cluster.drs_threshold) == ("partiallyAutomated", 4)
    assert world.cluster.dpm_enabled is False
    assert world.cluster.drs_options["advanced"] == {"MinGoodness": "5"}
    assert world.cluster.drs_options["memory_metric"] == "consumed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"advanced_name": "NoSuchOption", "advanced_value": "1"}, "no such advanced option"),
        ({"advanced_name": "MinGoodness", "advanced_value": "a lot"}, "is not a number"),
        ({"advanced_name": "DemandCapacityRatioTarget", "advanced_value": "4000"}, "is not between"),
        ({"advanced_name": ["MinGoodness", "MinGoodness"], "advanced_value": ["1", "2"]}, "is there twice"),
        ({"drs_threshold": "9"}, "Select a valid choice"),
        ({"max_vcpus_per_core": "1000"}, "At most 32"),
        ({"min_hosts_on": "-1"}, "At least 0"),
        ({"version": "0"}, "changed"),
    ],
)
def test_absurd_settings_get_a_sentence_and_change_nothing(world, change, says):
    before = world.cluster.change_version
    sent = {**SETTINGS, "version": before, "base": "{}", **change}
    answer = world.client("student").post(world.dialog("drs-settings"), sent)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    world.cluster.refresh_from_db()
    assert (world.cluster.change_version, world.cluster.drs_automation) == (before, "manual")


def test_rows_of_advanced_options_come_and_go_without_being_sent(world):
    owner, url = world.client("student"), world.dialog("drs-settings")
    text = owner.post(url, {**SETTINGS, "go": "add-advanced"}).content.decode()
    assert text.count('name="advanced_name"') == 1
    two = {"advanced_name": ["MinGoodness", "CostBenefit"], "advanced_value": ["5", "0"]}
    text = owner.post(url, {**SETTINGS, **two, "go": "remove-advanced-0"}).content.decode()
    assert (text.count('name="advanced_name"'), 'value="CostBenefit"' in text) == (1, True)


def test_failover_hosts_are_some_hosts_of_the_cluster(world):
    owner, url, hosts = world.client("student"), world.dialog("ha-settings"), [h.moref for h in world.lab.hosts]
    sent = {"ha_enabled": "on", "failures": "1", "admission": "failover_hosts", "version": world.cluster.change_version}
    sent |= {"isolation_response": "shutdown", "isolation_shutdown_s": "120"}
    sent |= {"ready_condition": "poweredOn", "ready_delay_s": "30", "vm_monitoring": "vmMonitoringDisabled"}
    sent |= {"sensitivity": "high", "failure_interval_s": "30", "min_uptime_s": "120", "max_resets": "3"}
    sent |= {"reset_window_s": "3600", "io_interval_s": "120"}
    for wrong in ([], hosts, ["host-99999"]):
        answer = owner.post(url, {**sent, "failover_hosts": wrong})
        assert answer.status_code == 422, wrong
    assert owner.post(url, {**sent, "failover_hosts": hosts[:1]}).status_code == 202
    world.cluster.refresh_from_db()
    assert world.cluster.ha_options["failover_hosts"] == hosts[:1]
    assert world.cluster.ha_options["ready_delay_s"] == 30


# --- rules -----------------------------------------------------------------------------------------------------------
def test_a_conflict_is_told_before_the_rule_is_saved(world):
    owner, url = world.client("student"), world.dialog("drs-rule")
    pair = [vm.moref for vm in world.vms[:2]]
    rule = {"name": "together", "enabled": "on", "kind": "affinity", "members": pair, "policy": "must"}
    assert owner.post(url, rule).status_code == 202
    against = {**rule, "name": "apart", "kind": "anti_affinity"}
    told = owner.post(url, against)
    assert told.status_code == 422
    assert told["X-Fault"]
    assert DrsRule.objects.filter(name="apart").count() == 0
    seen = told.context["seen"]
    assert seen
    assert owner.post(url, {**against, "seen": seen}).status_code == 202
    grid = owner.get(world.page("configure", "rules")).content.decode()
    assert "apart" in grid
    assert "warning-standard" in grid.split('id="drs-rules"')[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "affinity", "members": []},
        {"kind": "vm_host", "vm_group": "", "host_group": ""},
        {"kind": "vm_host", "vm_group": "987654"},
        {"kind": "nonsense"},
        {"kind": "affinity", "members": ["vm-99999", "vm-99998"]},
        {"name": ""},
        {"name": "x" * 81},
    ],
)
def test_an_impossible_rule_gets_a_sentence_and_nothing_is_stored(world, wrong):
    pair = [vm.moref for vm in world.vms[:2]]
    rule = {"name": "r", "enabled": "on", "kind": "affinity", "members": pair, "policy": "must", **wrong}
    answer = world.client("student").post(world.dialog("drs-rule"), rule)
    assert answer.status_code == 422
    assert "dialog-faults" in answer.content.decode()
    assert not DrsRule.objects.exists()


def test_a_group_in_use_is_not_deleted(world):
    world.fill()
    owner, group = world.client("student"), DrsGroup.objects.get(name="web")
    answer = owner.post(world.dialog("drs-group-delete", f"group={group.pk}"))
    assert (answer.status_code, answer["X-Fault"]) == (422, "ResourceInUse")
    DrsRule.objects.all().delete()
    assert owner.post(world.dialog("drs-group-delete", f"group={group.pk}")).status_code == 202
    assert not DrsGroup.objects.filter(pk=group.pk).exists()


def test_rows_of_other_clusters_are_not_found(world):
    for name, query in (("drs-rule", "rule=99999"), ("drs-group", "group=x"), ("drs-rule-delete", "")):
        assert world.client("student").get(world.dialog(name, query)).status_code == 404


def test_overrides_are_set_and_taken_back(world):
    owner, vm = world.client("student"), world.vms[0]
    sent = {"vms": [vm.moref], "drs_override": "disabled", "ha_restart_priority": "high"}
    assert owner.post(world.dialog("vm-override"), sent).status_code == 202
    vm.refresh_from_db()
    assert (vm.drs_override, vm.ha_restart_priority) == ("disabled", "high")
    assert vm.name in owner.get(world.page("configure", "overrides")).content.decode()
    assert owner.post(world.dialog("vm-override-delete", f"vm={vm.moref}")).status_code == 202
    vm.refresh_from_db()
    assert (vm.drs_override, vm.ha_restart_priority) == ("", "")


def test_a_bad_mac_address_is_refused(world):
    host = world.lab.hosts[0]
    url = world.dialog("host-power-management", obj=host)
    answer = world.client("student").post(url, {"dpm_behavior": "manual", "bmc_mac": "nonsense"})
    assert (answer.status_code, answer["X-Fault"]) == (422, "InvalidArgument")
    good = {"dpm_behavior": "manual", "bmc_mac": "00:11:22:33:44:55"}
    assert world.client("student").post(url, good).status_code == 202
    host.refresh_from_db()
    assert (host.dpm_behavior, host.bmc_mac) == ("manual", good["bmc_mac"])


# --- recommendations and decisions -----------------------------------------------------------------------------------
def test_one_of_three_recommendations_is_applied_though_a_cycle_renumbered_them(world):
    Recommendation.objects.all().delete()
    first = [world.recommend(f"m{i}", vm) for i, vm in enumerate(world.vms[:3])]
    Recommendation.objects.all().update(state=Recommendation.GONE)
    now = [world.recommend(f"n{i}", vm) for i, vm in enumerate(world.vms[:3])]
    token = f"migrate:{first[1].vm}:{first[1].destination}"
    sent = {"override": "1", "only": [token]}
    answer = world.client("student").post(world.verb("apply"), sent, headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 202
    assert "data-task" in answer.content.decode()
    states = [Recommendation.objects.get(pk=row.pk).state for row in now]
    assert states == [Recommendation.PENDING, Recommendation.APPLIED, Recommendation.PENDING]


def test_a_cycle_is_replayed_with_other_settings_and_nothing_is_done(world):
    world.fill()
    before = Decision.objects.count()
    url = world.page("monitor", "decisions")
    chosen = Decision.objects.first().pk
    answer = world.client("reader").get(f"{url}?decision={chosen}&what=replay&threshold=5&engine=classic")
    assert answer.status_code == 200
    assert answer.context["other"]["hosts"]
    assert "side-by-side" in answer.content.decode()
    assert world.client("reader").get(f"{url}?what=now&vm={world.vms[0].moref}").context["other"]
    assert Decision.objects.count() == before
    for wrong in ("decision=99999999", "decision=x"):
        assert world.client("student").get(f"{url}?{wrong}").status_code == 404


def test_the_power_report_uses_the_price_that_was_set(world):
    owner = world.client("student")
    assert owner.post(world.dialog("power-price"), {"price": "-1", "currency": "EUR", "co2_kg": "1"}).status_code == 422
    assert owner.post(world.dialog("power-price"), {"price": "2", "currency": "KRW", "co2_kg": "1"}).status_code == 202
    report = owner.get(world.page("monitor", "power")).context
    assert (report["prices"]["currency"], report["prices"]["price"]) == ("KRW", 2.0)
    drawn = report["accounts"][0]
    assert drawn.kwh > 0
    assert drawn.cost == pytest.approx(2 * drawn.kwh)


def test_the_hours_of_a_cluster_are_told_by_a_command(world):
    cycles.run(world.cluster.pk)
    told = io.StringIO()
    call_command("drs_day", "--json", stdout=told)
    (hour,) = json.loads(told.getvalue())["rows"]
    assert (hour["hosts_on"], hour["moves"], hour["asleep"]) == (3.0, 0, 0)
    assert 0 < hour["score_min"] <= hour["score"] <= 100.001
    assert hour["power_w"] > 3 * 40
    with pytest.raises(CommandError, match="no such cluster"):
        call_command("drs_day", "--cluster", "nowhere")


def test_the_password_of_a_bmc_is_written_and_never_shown(world):
    host, owner = world.lab.hosts[0], world.client("student")
    url = world.dialog("host-power-management", obj=host)
    form = {"dpm_behavior": "automated", "bmc_address": "10.0.0.7", "bmc_user": "dpm"}
    assert owner.post(url, {**form, "bmc_password": "s3cret-öl"}).status_code < 300
    assert bmc.password_of(host) == "s3cret-öl"
    assert "s3cret" not in BmcSecret.objects.get(host=host).sealed
    assert "s3cret" not in owner.get(url).content.decode()
    assert not AuditEntry.objects.filter(detail__icontains="s3cret").exists()
    owner.post(url, form)
    assert bmc.password_of(host) == "s3cret-öl"
    owner.post(url, {**form, "forget_password": "on"})
    assert bmc.password_of(host) is None
