"""Prints automations as W&B's own client would send them, one a line.

Every event of the client, with every condition that it can build, and with
every action where the event has the field.  Each line is a JSON object: "document" is the input of the mutation, "filter" the eventFilter that
is in it, parsed, and "fires" says on what it must fire in the world below.
"series" has the values that runs log for it, by the names of run and metric.

Run with the client on PYTHONPATH, and with the ids of a project, its
collection "model", the registry's collection "target", the team, the
organization, a Slack and a webhook integration as arguments.
"""

import base64
import json
import sys

import wandb.automations as wb
from wandb.automations import ArtifactEvent, RunEvent
from wandb.automations._inputs import prepare_to_create
from wandb.automations._run_state_filters import ReportedRunState
from wandb.automations.scopes import _ArtifactPortfolioScope, _ArtifactSequenceScope

# The world: four runs, with these names, and what becomes of them ...
runs = {
    "prod": ["RUNNING", "FAILED"],
    "prod-1": ["RUNNING", "FINISHED"],
    "staging": ["RUNNING", "FAILED"],  # by a crash
    "europe-west": ["RUNNING"],
}
# ... and what happens to versions and collections: what it is told of, with
# the aliases and the tags that the event has.  None: the event has no such field.
happenings = {
    "OnCreateArtifact": [("model:v1", ["prod", "prod-1"], ["prod"]), ("model:v2", [], [])],
    "OnLinkArtifact": [("target:v1", ["staging"], ["prod"]), ("target:v2", [], [])],
    "OnUnlinkArtifact": [("target:v1", ["staging"], ["prod"]), ("target:v2", ["latest"], [])],
    "OnAddArtifactAlias": [
        ("model:v1 prod", "prod", None), ("model:v1 prod-1", "prod-1", None),
        ("model:v1 latest", "latest", None), ("model:v2 latest", "latest", None)],
    "OnAddArtifactTag": [("model:v1 prod", None, "prod"), ("model:v2 europe-west", None, "europe-west")],
    "OnRemoveArtifactTag": [("model:v1 prod", None, "prod"), ("model:v2 europe-west", None, "europe-west")],
    "OnAddCollectionTag": [("model staging", None, "staging"), ("model europe-west", None, "europe-west")],
    "OnRemoveCollectionTag": [("model staging", None, "staging")],
}


def make_id(kind, number):
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


numbers = sys.argv[1:]
project = wb.ProjectScope(id=make_id("Project", numbers[0]), name="p")
model = _ArtifactSequenceScope(id=make_id("ArtifactCollection", numbers[1]), name="model")
target = _ArtifactPortfolioScope(id=make_id("ArtifactCollection", numbers[2]), name="target")
team = wb.TeamScope(id=make_id("Entity", numbers[3]), name="t")
organization = wb.OrgScope(id=make_id("Entity", numbers[4]), name="o")
slack = make_id("Int", numbers[5])
webhook = make_id("Int", numbers[6])

# The first scope of an event is tried with every action, the others with one.
scopes = {
    "OnCreateArtifact": [model],
    "OnLinkArtifact": [target, organization],
    "OnUnlinkArtifact": [target, organization],
    "OnAddArtifactAlias": [project, model, team],
    "OnAddArtifactTag": [project, model, team, organization],
    "OnRemoveArtifactTag": [project, model, team],
    "OnAddCollectionTag": [project, model, team],
    "OnRemoveCollectionTag": [project, model, team],
}
actions = {
    "nothing": wb.DoNothing(),
    "slack": wb.SendNotification(integration_id=slack, title="T", message="hello", severity="warn"),
    "slack defaults": wb.SendNotification(integration_id=slack),
    "slack builder": wb.SendNotification.from_integration(
        wb.SlackIntegration(id=slack, team_name="t", channel_name="c"), title="T", text="hello", level="ERROR"),
    "webhook": wb.SendWebhook(integration_id=webhook, request_payload={"event": "${event_type}", "n": 1}),
    "webhook without payload": wb.SendWebhook(integration_id=webhook),
    "webhook builder": wb.SendWebhook.from_integration(
        wb.WebhookIntegration(id=webhook, name="h", url_endpoint="https://example.com/"), payload={"a": [1, {"b": None}]}),
}


# What a condition on a field means, over the values that the field has: a
# positive one asks for one value that meets it, a negative one for none.
def has(test):
    return lambda value: any(test(v) for v in (value if isinstance(value, list) else [value]) if v is not None)


def has_no(test):
    return lambda value: not has(test)(value)


def both(a, b):
    return lambda value: a(value) and b(value)


conditions = {
    "anything": (lambda f: None, lambda value: True),
    "eq": (lambda f: f.eq("prod"), has(lambda v: v == "prod")),
    "==": (lambda f: f == "staging", has(lambda v: v == "staging")),
    "eq list": (lambda f: f.eq(["prod", "prod-1"]), lambda value: value == ["prod", "prod-1"]),
    "ne": (lambda f: f.ne("prod"), has_no(lambda v: v == "prod")),
    "!=": (lambda f: f != "staging", has_no(lambda v: v == "staging")),
    "ne list": (lambda f: f.ne(["prod", "prod-1"]), lambda value: value != ["prod", "prod-1"]),
    "gt": (lambda f: f.gt("prod"), has(lambda v: v > "prod")),
    ">": (lambda f: f > "latest", has(lambda v: v > "latest")),
    "gte": (lambda f: f.gte("prod"), has(lambda v: v >= "prod")),
    ">=": (lambda f: f >= "latest", has(lambda v: v >= "latest")),
    "lt": (lambda f: f.lt("prod"), has(lambda v: v < "prod")),
    "<": (lambda f: f < "staging", has(lambda v: v < "staging")),
    "lte": (lambda f: f.lte("prod"), has(lambda v: v <= "prod")),
    "<=": (lambda f: f <= "europe-west", has(lambda v: v <= "europe-west")),
    "in": (lambda f: f.in_(["staging", "prod"]), has(lambda v: v in ("staging", "prod"))),
    "not in": (lambda f: f.not_in(["staging", "prod"]), has_no(lambda v: v in ("staging", "prod"))),
    "regex": (lambda f: f.matches_regex("^prod(-.*)?$"), has(lambda v: v.startswith("prod"))),
    "contains": (lambda f: f.contains("o"), has(lambda v: "o" in v)),
    "exists": (lambda f: f.exists(), lambda value: value not in (None, [])),
    "not there": (lambda f: f.exists(False), lambda value: value in (None, [])),
    "or": (lambda f: f.eq("staging") | f.eq("prod"), has(lambda v: v in ("staging", "prod"))),
    "and": (lambda f: f.matches_regex("^prod") & f.contains("1"),
            both(has(lambda v: v.startswith("prod")), has(lambda v: "1" in v))),
    "and not": (lambda f: f.matches_regex("t") & ~f.eq("latest"),
                both(has(lambda v: "t" in v), has_no(lambda v: v == "latest"))),
    "not": (lambda f: ~f.contains("o"), has_no(lambda v: "o" in v)),
    "not not": (lambda f: ~~f.contains("o"), has(lambda v: "o" in v)),
    "nor": (lambda f: ~(f.eq("prod") | f.eq("staging")), has_no(lambda v: v in ("staging", "prod"))),
    "as a dict": (lambda f: {str(f): {"$eq": "prod"}}, has(lambda v: v == "prod")),
    "as a short dict": (lambda f: {str(f): "prod"}, has(lambda v: v == "prod")),
}

# Conditions on metrics, with values that meet each, and values that do not.
metric = RunEvent.metric
noise = [10, 11] * 15
metrics = {
    "gt": (lambda m: m > 10, [1, 11], [1, 10]),
    "gte": (lambda m: m >= 0.25, [0.25], [0.2]),
    "lt": (lambda m: m < -1, [-2], [-1]),
    "lte": (lambda m: m.lte(1e-7), [1e-7], [2e-7]),
    "gt by name": (lambda m: m.gt(10), [11], [10]),
    "gte by name": (lambda m: m.gte(10), [10], [9]),
    "lt by name": (lambda m: m.lt(10), [9], [10]),
    "lte by sign": (lambda m: m <= 10, [10], [11]),
    "avg": (lambda m: m.avg(2) > 1, [0, 3], [0, 2]),
    "mean": (lambda m: m.mean(3) > 1, [1, 1, 2], [1, 1, 1]),
    "min": (lambda m: m.min(2) < 0.6, [1, 0.5], [1, 1]),
    "max": (lambda m: m.max(2) >= 5, [5, 1], [4, 4]),
    "increases": (lambda m: m.avg(2).increases_by(frac=0.5), [1, 1, 1.5, 1.5], [1, 1, 1.25, 1.25]),
    "decreases": (lambda m: m.avg(10).decreases_by(frac=0.25), [2] * 10 + [1] * 10, [2] * 10 + [4] * 10),
    "changes": (lambda m: m.changes_by(diff=2), [4, 1], [1, 2]),
    "changes by a part": (lambda m: m.changes_by(frac=0.5), [4, 1], [4, 3]),
    "max changes": (lambda m: m.max(5).changes_by(diff=0.5), [1] * 5 + [2] * 5, [1] * 10),
    "min decreases": (lambda m: m.min(2).decreases_by(diff=1), [3, 3, 2, 4], [3, 3, 2.5, 4]),
    "last increases": (lambda m: m.increases_by(diff=2), [1, 3], [3, 1]),
    "last increases by a part": (lambda m: m.increases_by(frac=0.5), [2, 3], [2, 2.5]),
    "last decreases": (lambda m: m.decreases_by(diff=2), [3, 1], [1, 3]),
    "zscore": (lambda m: m.zscore(30).abs() > 3, noise + [0], noise + [11]),
    "zscore of abs": (lambda m: abs(m.zscore(30)) >= 3, noise + [20], noise + [10]),
    "zscore above": (lambda m: m.zscore(30) > 2, noise + [20], noise + [0]),
    "zscore from above": (lambda m: m.zscore(30) >= 2, noise + [20], noise + [0]),
    "zscore below": (lambda m: m.zscore(30) <= -2.5, noise + [0], noise + [20]),
    "zscore far below": (lambda m: m.zscore(30) < -2.5, noise + [0], noise + [20]),
}
# One of each kind, for the conditions on runs.
kinds = {
    "threshold": metrics["gt"],
    "change": metrics["last increases"],
    "zscore": metrics["zscore"],
}
states = {
    "failed": (RunEvent.state == "failed", ["FAILED"]),
    "failed by name": (RunEvent.state.eq("FAILED"), ["FAILED"]),
    "finished": (RunEvent.state == "Finished", ["FINISHED"]),
    "running": (RunEvent.state == "running", ["RUNNING"]),
    "two states": (RunEvent.state.in_(["finished", "failed"]), ["FINISHED", "FAILED"]),
    "crashed": (RunEvent.state == ReportedRunState.CRASHED, ["FAILED"]),
}

printed = {}


def show(name, event, action, fires, series=None):
    assert name not in printed, name
    document = json.loads(prepare_to_create(event >> action, name=name).model_dump_json())
    printed[name] = {"document": document, "filter": json.loads(document["eventFilter"]),
                     "fires": sorted(fires), "series": series or {}}
    print(json.dumps(printed[name]))


def show_with_actions(name, event, fires, series=None):
    for title, action in actions.items():
        show(f"{name}: {title}", event, action, fires, series)


for class_name, happened in happenings.items():
    make_event = getattr(wb, class_name)
    for position, field in enumerate((ArtifactEvent.alias, ArtifactEvent.tag)):
        for title, (build, meets) in conditions.items():
            fires = [what for what, *values in happened if meets(values[position])]
            arguments = {"filter": build(field)} if title != "anything" else {}
            first, *others = scopes[class_name]
            if any(values[position] is not None for _, *values in happened):
                show_with_actions(f"{class_name} {field} {title}", make_event(scope=first, **arguments), fires)
            else:
                others.append(first)
            for scope in others:
                show(f"{class_name} {field} {title} in {type(scope).__name__}",
                     make_event(scope=scope, **arguments), actions["nothing"], fires)

for title, (build, hits, misses) in metrics.items():
    name = f"metric {title}"
    series = {"prod": {name: hits}, "staging": {name: misses}}
    show_with_actions(name, wb.OnRunMetric(scope=project, filter=build(metric(name))), ["prod"], series)
    show(f"{name} in the team", wb.OnRunMetric(scope=team, filter=build(metric(name))), actions["nothing"], ["prod"])
for kind, (build, hits, _) in kinds.items():
    series = {run: {kind: hits} for run in runs}
    for title, (build_condition, meets) in conditions.items():
        if title in ("anything", "as a dict", "as a short dict"):
            continue
        condition = build_condition(RunEvent.name)
        fires = [run for run in runs if meets(run)]
        show(f"{kind} name {title}", wb.OnRunMetric(scope=project, filter=build(metric(kind)) & condition),
             actions["nothing"], fires, series)
        show(f"{kind} name {title} the other way round",
             wb.OnRunMetric(scope=project, filter=condition & build(metric(kind))), actions["nothing"], fires)
show("not ascii", wb.OnRunMetric(scope=project, filter=(metric("verlust/ä") > 1) & RunEvent.name.ne('"quoted" \\ ü')),
     actions["nothing"], ["prod"], {"prod": {"verlust/ä": [2]}})

for title, (state, reported) in states.items():
    fires = [run for run, seen in runs.items() if set(seen) & set(reported)]
    show_with_actions(f"state {title}", wb.OnRunState(scope=project, filter=state), fires)
    show(f"state {title} in the team", wb.OnRunState(scope=team, filter=state), actions["nothing"], fires)
    for name, (build, meets) in conditions.items():
        if name not in ("anything", "as a dict", "as a short dict"):
            show(f"state {title} name {name}", wb.OnRunState(scope=project, filter=state & build(RunEvent.name)),
                 actions["nothing"], [run for run in fires if meets(run)])

# What the client can say and we have no use for; not in every version of it.
if hasattr(wb, "SendPromptToAria"):
    event = wb.OnRunState(scope=project, filter=RunEvent.state == "failed")
    print(json.dumps({"refused": json.loads(
        prepare_to_create(event >> wb.SendPromptToAria(prompt="why?"), name="aria").model_dump_json())}))
