"""Cluster > Monitor > vSphere DRS > Decisions: every cycle with its numbers and refusals, and replays of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.faults import MethodFault
from inventory import format as forms
from inventory import words as common
from inventory.models import Host, VirtualMachine
from inventory.pages import section
from inventory.pages.registry import MONITOR
from scheduler import recording
from scheduler.models import Decision
from scheduler.services import drs
from scheduler.views import drs_utilization  # noqa: F401  its sections come before these
from scheduler.views.drs_base import CLUSTER, decisions
from scheduler.views.drs_card import BUCKET_TONES, findings_of
from scheduler.views.drs_monitor import bucket_of
from scheduler.words import DRS_STOPS, ENGINES, TRIGGERS, action, sentence

STRIP = 120  # cycles in the time line
HEIGHT = 44
MOST_ROWS = 300
CLASSIC = "classic"

Names = dict[str, str]


# --- the time line ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Tick:
    """One cycle in the time line; x, y and height in units of the drawing."""

    decision: Decision
    x: int
    y: float
    height: float
    tone: str
    chosen: bool


def strip(rows: list[Decision], chosen: Decision | None) -> list[Tick]:
    """The cycles around the chosen one, oldest first; the height is the score."""
    ticks = []
    for at, decision in enumerate(reversed(rows)):
        height = max(3.0, HEIGHT * decision.score / 100)
        tone = BUCKET_TONES[bucket_of(decision.score)]
        ticks.append(Tick(decision, at * 8, HEIGHT - height, height, tone, decision == chosen))
    return ticks


def around(cluster: Any, chosen: Decision | None) -> list[Decision]:
    """Up to `STRIP` cycles, the chosen one among them, newest first."""
    rows = decisions(cluster)
    if chosen is None:
        return []
    newer = list(rows.filter(pk__gt=chosen.pk).order_by("id")[: STRIP // 2])
    older = list(rows.filter(pk__lte=chosen.pk)[: STRIP - len(newer)])
    return [*reversed(newer), *older]


def slider(page: Any, rows: list[Decision]) -> list[dict[str, Any]]:
    """The same cycles for the slider, oldest first: the number of each and what it says."""
    return [
        {
            "id": one.pk,
            "when": forms.lab_moment(page.vc, one.lab_s),
            "said": _("score %(score)s %%, %(moves)s moves")
            % {"score": round(one.score), "moves": one.moves + one.power_actions},
        }
        for one in reversed(rows)
    ]


# --- the page --------------------------------------------------------------------------------------------------------
@section(MONITOR, "decisions", gettext_lazy("Decisions"), CLUSTER, group="drs", template="scheduler/drs/decisions.html")
def page_of(page: Any) -> dict[str, Any]:
    """One cycle, the newest unless the address names another; beside it a replay where one is asked for."""
    asked = page.request.GET
    chosen = _chosen(page.obj, asked.get("decision", ""))
    rows = around(page.obj, chosen)
    cycles = slider(page, rows)
    plan, names, engine = _recorded(chosen) if chosen else ({}, {}, "")
    other, why = _other(page, chosen)
    if other and not names:
        names = _names_now(page.obj)
    at = next((i for i, row in enumerate(rows) if row == chosen), 0)
    vm = asked.get("vm", "") if asked.get("vm", "") in names else ""
    tried = "replay" if asked.get("what") == "replay" else "now"
    return {
        "chosen": chosen,
        "pinned": bool(asked.get("decision")),
        "ticks": strip(rows, chosen),
        "slider": cycles,
        "slider_at": len(rows) - 1 - at,
        "slider_slice": f"{len(rows) - 1 - at}:",
        "slider_json": json.dumps(cycles),
        "strip_width": max(8, 8 * len(rows)),
        "newer": rows[at - 1] if at > 0 else None,
        "older": rows[at + 1] if at + 1 < len(rows) else None,
        "trigger": TRIGGERS.get(chosen.trigger, chosen.trigger) if chosen else "",
        "plan": told(plan, names, vm, engine) | _explained(page, plan, names, vm, chosen),
        "other": told(other, names, vm, _engine_of_other(page, engine))
        | _explained(page, other, names, vm, chosen if tried == "replay" else None, **_changed(asked))
        if other
        else None,
        "other_why": why,
        "asked": {name: asked.get(name, "") for name in ("what", "threshold", "engine")} | {"vm": vm},
        "thresholds": DRS_STOPS,
        "engines": ENGINES,
        "vms": sorted((names[m], m) for m in plan.get("vm_scores", {}) if m in names)[:2_000],
        "hosts": sorted((names[one["host"]], one["host"]) for one in plan.get("hosts", ()) if one["host"] in names),
    }


def _chosen(cluster: Any, wanted: str) -> Decision | None:
    rows = Decision.objects.filter(cluster=cluster).order_by("-id")
    if not wanted:
        return rows.first()
    found: Decision | None = rows.filter(pk=wanted).first() if wanted.isdecimal() else None
    if found is None:
        raise Http404("decision")
    return found


def _recorded(decision: Decision) -> tuple[dict[str, Any], Names, str]:
    """The plan, the names of those in it, and the engine that made it."""
    inputs, plan = recording.unpack(bytes(decision.inputs)), recording.unpack(bytes(decision.plan))
    tables = (inputs["snapshot"][kind] for kind in ("vms", "hosts"))
    names = {moref: name for table in tables for moref, name in zip(table["moref"], table["name"], strict=True)}
    return plan, names, str(inputs["options"].get("engine", ""))


def _names_now(cluster: Any) -> Names:
    vms = VirtualMachine.objects.filter(host__cluster=cluster).values_list("moref", "name")
    return {**dict(vms), **dict(Host.objects.filter(cluster=cluster).values_list("moref", "name"))}


def _other(page: Any, chosen: Decision | None) -> tuple[dict[str, Any] | None, str]:
    """A replay of the chosen cycle or a dry run of now, as the address asks; the sentence where it cannot be."""
    what = page.request.GET.get("what", "")
    if what not in ("replay", "now") or (what == "replay" and chosen is None):
        return None, ""
    user, changed = page.user, _changed(page.request.GET)
    try:
        if what == "replay" and chosen is not None:
            run = drs.replay(user, chosen, **changed)
        else:
            run = drs.dry_run(user, page.obj, **changed)
    except MethodFault as fault:
        return None, common.fault_sentence(fault.to_dict())
    return run.to_dict(), ""


def _changed(asked: Any) -> dict[str, Any]:
    """The options that the address changes; what is no option changes nothing."""
    changed: dict[str, Any] = {}
    if asked.get("threshold", "") in map(str, DRS_STOPS):
        changed["threshold"] = int(asked["threshold"])
    if asked.get("engine", "") in ENGINES:
        changed["engine"] = asked["engine"]
    return changed


def _engine_of_other(page: Any, recorded: str) -> str:
    """The engine of the replay or dry run that the address asks for."""
    present = recorded if page.request.GET.get("what") == "replay" else (page.obj.drs_options or {}).get("engine")
    return str(_changed(page.request.GET).get("engine") or present or "score")


# --- why -------------------------------------------------------------------------------------------------------------
def _explained(
    page: Any, plan: dict[str, Any] | None, names: Names, moref: str, decision: Decision | None, **changed: Any
) -> dict[str, Any]:
    """Why one VM or host moves, stays or is still on, under `why`; nothing where nobody is asked about."""
    if not plan or not moref:
        return {}
    moves = [_move(one, names) for one in plan["moves"] if one["vm"] == moref]
    actions = [_power(one, names) for one in plan["power_actions"] if one["host"] == moref]
    done: dict[str, Any] = {"name": names[moref], "hosts": []}
    if moves or actions:
        return {"why": done | {"text": f"{(moves + actions)[0]['text']}: {(moves + actions)[0]['why']}"}}
    if moref in {one["host"] for one in plan["hosts"]}:
        return {"why": done | {"text": _host_said(plan, moref)}}
    found = drs.why(page.user, page.obj, moref, decision, **changed)
    if found is None:
        return {}
    answer = _answer(found.answer.to_dict()) if found.answer else {"text": "", "counterfactual": ""}
    hosts = [_answer(one) | {"name": names.get(one["host"], one["host"])} for one in found.to_dict()["hosts"]]
    return {"why": done | answer | {"hosts": hosts}}


def _host_said(plan: dict[str, Any], moref: str) -> str:
    """A host that nobody had a reason to look at; the others have a refusal below."""
    if any(one["entity"] == moref for one in plan["refusals"]):
        return ""
    return _(
        "DPM did not look at it in this cycle: power management is off, or the host is in no state to be switched."
    )


def _answer(one: dict[str, Any]) -> dict[str, Any]:
    fields = dict(one["fields"])
    if one.get("fault"):
        fields["why"] = common.fault_sentence(one["fault"])
    return {
        "text": sentence(one["reason"], fields), "counterfactual": sentence(one["counterfactual"], fields),
        "score": one.get("score"), "points": one.get("points"),
    }  # fmt: skip


# --- a plan in words -------------------------------------------------------------------------------------------------
def told(plan: dict[str, Any], names: Names, vm: str = "", engine: str = "") -> dict[str, Any]:
    """A plan (`CyclePlan.to_dict`) with names and sentences; of one VM where it is named.

    Its bound is a score in percent, or of the classic engine a load imbalance.
    """
    if not plan:
        return {}
    wanted = [one for one in plan["refusals"] if not vm or one["entity"] == vm]
    tried = [one for one in plan.get("candidates", ()) if vm and one["vm"] == vm]
    return {
        **{key: plan[key] for key in ("score", "score_after", "bound", "imbalance", "imbalance_after")},
        "classic": engine == CLASSIC,
        "note": _(plan["note"]) if plan["note"] else "",
        "hosts": [_host(one, names) for one in plan["hosts"]],
        "moves": [_move(one, names) for one in plan["moves"]],
        "power_actions": [_power(one, names) for one in plan["power_actions"]],
        "faults": [_fault(one, names) for one in plan["faults"]],
        "refusals": [_refusal(one, names) for one in wanted[:MOST_ROWS]],
        "refusals_left": max(0, len(wanted) - MOST_ROWS),
        "candidates": [{**one, "host_name": names.get(one["host"], one["host"])} for one in tried],
        "vm_score": plan["vm_scores"].get(vm),
        "vm_name": names.get(vm, vm),
    }


def _host(one: dict[str, Any], names: Names) -> dict[str, Any]:
    percent = {key.replace("ratio", "pct"): 100 * one[key] for key in one if "ratio" in key}
    changed = one["vms"] != one["vms_after"]
    return {**one, **percent, "name": names.get(one["host"], one["host"]), "changed": changed}


def _move(one: dict[str, Any], names: Names) -> dict[str, Any]:
    vm, source, target = (names.get(one[key], one[key]) for key in ("vm", "source", "destination"))
    return {
        **one,
        "text": action("migrate", vm, source, target),
        "why": sentence(one["reason_text"], one["fields"]),
        "numbers": [
            (label, one["before"].get(key), one["after"].get(key), scale, unit)
            for key, label, scale, unit in NUMBERS
            if key in one["before"] and key in one["after"]
        ],
    }


# What a move changes: key of the numbers, label, factor, unit.
NUMBERS = (
    ("source_cpu_ratio", gettext_lazy("Source CPU"), 100, "%"),
    ("destination_cpu_ratio", gettext_lazy("Destination CPU"), 100, "%"),
    ("source_mem_ratio", gettext_lazy("Source memory"), 100, "%"),
    ("destination_mem_ratio", gettext_lazy("Destination memory"), 100, "%"),
    ("vm_score", gettext_lazy("VM score"), 1, ""),
    ("cluster_score", gettext_lazy("Cluster score"), 1, ""),
)


def _power(one: dict[str, Any], names: Names) -> dict[str, Any]:
    host = names.get(one["host"], one["host"])
    return {**one, "text": action(one["operation"], "", host, ""), "why": sentence(one["reason_text"], one["fields"])}


def _fault(one: dict[str, Any], names: Names) -> dict[str, Any]:
    return {**one, "name": names.get(one["vm"], one["vm"]), "why": common.fault_sentence(one["fault"])}


def _refusal(one: dict[str, Any], names: Names) -> dict[str, Any]:
    return {
        "name": names.get(one["entity"], one["entity"]),
        "kind": one["kind"],
        "why": sentence(one["reason"], one["fields"]),
        "counterfactual": sentence(one["counterfactual"], one["fields"]),
    }


# --- lint ------------------------------------------------------------------------------------------------------------
@section(MONITOR, "drs-check", gettext_lazy("Rules and Capacity"), CLUSTER, group="drs",
         template="scheduler/drs/lint.html")  # fmt: skip
def lint(page: Any) -> dict[str, Any]:
    """What is or will be wrong, each with the smallest change that helps."""
    found, why = findings_of(page.user, page.obj, decisions(page.obj).first())
    return {
        "why": why,
        "findings": [
            {"code": one.code, "text": sentence(one.message, one.fields), "fix": sentence(one.fix, one.fields)}
            for one in found
        ],
    }
