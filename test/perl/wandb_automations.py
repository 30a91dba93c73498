"""Prints automations as W&B's own client would send them, one a line.

Each line is a JSON array: the input of the mutation, and the eventFilter that
is in it, parsed.  Run with the client on PYTHONPATH, and with the ids of a
project, a collection, a Slack and a webhook integration as arguments.
"""

import base64
import json
import sys

from wandb.automations import (
    ArtifactEvent, DoNothing, OnAddArtifactAlias, OnRunMetric, OnRunState, RunEvent,
    SendNotification, SendWebhook)
from wandb.automations._inputs import prepare_to_create
from wandb.automations.scopes import ProjectScope, _ArtifactSequenceScope


def make_id(kind, number):
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


project_number, collection_number, slack_number, webhook_number = sys.argv[1:]
project = ProjectScope(id=make_id("Project", project_number), name="p")
collection = _ArtifactSequenceScope(id=make_id("ArtifactCollection", collection_number), name="c")
slack = make_id("Int", slack_number)
webhook = make_id("Int", webhook_number)

metric = RunEvent.metric
alias = ArtifactEvent.alias
name = RunEvent.name

metrics = {
    "gt": metric("m_gt") > 10,
    "gte": metric("m_gte") >= 0.25,
    "lt": metric("m_lt") < -1,
    "lte": metric("m_lte").lte(1e-7),
    "avg": metric("m_avg").avg(2) > 1,
    "mean": metric("m_mean").mean(3) > 1,
    "min": metric("m_min").min(2) < 0.6,
    "max": metric("m_max").max(2) >= 5,
    "increases": metric("m_inc").avg(2).increases_by(frac=0.5),
    "decreases": metric("m_dec").avg(10).decreases_by(frac=0.25),
    "changes": metric("m_chg").changes_by(diff=2),
    "max changes": metric("m_mchg").max(5).changes_by(diff=0.5),
    "zscore": metric("m_z").zscore(30).abs() > 3,
    "zscore above": metric("m_za").zscore(30) > 2,
    "zscore below": metric("m_zb").zscore(30) <= -2.5,
    "name regex": (metric("m_re") > 1) & name.matches_regex("^bert-.*"),
    "name or": (metric("m_or") > 1) & (name.eq("x") | name.contains("y")),
    "name not": (metric("m_not") > 1) & ~name.contains("y"),
    "name in": (metric("m_in") > 1) & name.in_(["a", "b"]),
    "not ascii": (metric("verlust/ä") > 1) & name.eq('"quoted" \\ ü'),
}
states = {
    "failed": RunEvent.state == "failed",
    "two states": RunEvent.state.in_(["finished", "failed"]),
    "running": (RunEvent.state == "running") & name.contains("my-run"),
}
aliases = {
    "any alias": {},
    "alias eq": {"filter": alias.eq("prod")},
    "alias regex": {"filter": alias.matches_regex("^prod-.*")},
    "alias or": {"filter": alias.eq("staging") | alias.eq("production")},
    "alias in": {"filter": alias.in_(["staging", "production"])},
    "alias and not": {"filter": alias.matches_regex("^v") & ~alias.eq("latest")},
    "alias not in": {"filter": alias.not_in(["latest"])},
}
actions = {
    "nothing": DoNothing(),
    "slack": SendNotification(integration_id=slack, title="T", message="hello", severity="warn"),
    "slack defaults": SendNotification(integration_id=slack),
    "webhook": SendWebhook(integration_id=webhook, request_payload={"event": "${event_type}", "n": 1}),
    "webhook without payload": SendWebhook(integration_id=webhook),
}

events = {f"metric {k}": OnRunMetric(scope=project, filter=f) for k, f in metrics.items()}
events |= {f"state {k}": OnRunState(scope=project, filter=f) for k, f in states.items()}
events |= {f"{k} in project": OnAddArtifactAlias(scope=project, **f) for k, f in aliases.items()}
events |= {f"{k} in collection": OnAddArtifactAlias(scope=collection, **f) for k, f in aliases.items()}
automations = {k: (e, DoNothing()) for k, e in events.items()}
automations |= {f"action {k}": (events["state failed"], a) for k, a in actions.items()}

for title, (event, action) in automations.items():
    document = json.loads(prepare_to_create(event >> action, name=title).model_dump_json())
    print(json.dumps([document, json.loads(document["eventFilter"])]))
