"""What `navicert status` makes of objects, configurations and pods: what is unknown is never in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from jsonschema import Draft202012Validator

from controller.wire.installation import (
    Installation,
    count_findings,
    installation_schema,
    parse_configuration,
    parse_replica,
    parse_standing,
    render_installation,
    status_port,
)

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "status.schema.json"
VALIDATING: Final = "ValidatingWebhookConfiguration"
MUTATING: Final = "MutatingWebhookConfiguration"
HOOK = {
    "name": "pods.validate.navicert.dev",
    "failurePolicy": "Fail",
    "timeoutSeconds": 10,
    "namespaceSelector": {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]
    },
}
METRICS = """\
# HELP navicert_policy_age_seconds age
navicert_policy_age_seconds{kind="TrustRoot"} 2.5
navicert_policy_age_seconds{kind="Namespace"} 7.5
navicert_policy_age_seconds_total 900
"""

Document = dict[str, Any]


def condition(*, status: str = "True", reason: str = "Sound", generation: int = 3) -> Document:
    return {"type": "Ready", "status": status, "reason": reason, "message": "told", "observedGeneration": generation}


def policy(ready: Document | None) -> Document:
    status = {"conditions": [{"type": "Other", "status": "False"}, ready]} if ready else {}
    return {"metadata": {"name": "production", "generation": 3}, "spec": {"mode": "Enforce"}, "status": status}


def pod(component: str = "webhook", *, ready: str = "True") -> Document:
    ports = [{"name": "https", "containerPort": 8443}, {"name": "status", "containerPort": 9080}]
    return {
        "metadata": {"name": f"{component}-1", "labels": {"app.kubernetes.io/component": component}},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def whole(
    *,
    kind: str = "ClusterSLSAPolicy",
    ready: Document | None = None,
    hooks: Any = (HOOK,),
    metrics: str = METRICS,
    unknown: tuple[str, ...] = (),
    components: tuple[str, ...] = ("webhook", "operator"),
) -> Installation:
    configuration = None if hooks is None else {"webhooks": list(hooks)}
    replicas = (parse_replica(pod(one), metrics) for one in components)
    return render_installation(
        [parse_standing(kind, policy(ready or condition()), {})],
        [parse_configuration(VALIDATING, configuration), parse_configuration(MUTATING, {"webhooks": [HOOK]})],
        [one for one in replicas if one],
        unknown,
    )


def test_what_is_in_force_asked_and_answered_is_sound() -> None:
    assert whole().state == "sound"


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"ready": condition(status="False", reason="Broken")}, "broken"),
        ({"ready": condition(status="Unknown")}, "unknown"),
        ({"ready": condition(generation=2)}, "unknown"),
        ({"kind": "SLSAException", "ready": condition(status="False", reason="Expired")}, "sound"),
        ({"hooks": ()}, "broken"),
        ({"hooks": None}, "broken"),
        ({"components": ("operator",)}, "broken"),
        ({"components": ("webhook",)}, "broken"),
        ({"metrics": 'navicert_policy_age_seconds{kind="TrustRoot"} 301'}, "broken"),
        ({"unknown": ("pods: may not",)}, "unknown"),
        ({"unknown": ("pods: may not",), "hooks": ()}, "broken"),
    ],
)
def test_everything_else_is_not(changed: Document, state: str) -> None:
    assert whole(**changed).state == state


def test_replicas_and_configurations_that_can_not_be_read_are_unknown_and_not_broken() -> None:
    (standing,) = whole().objects
    unread = msgspec.structs.replace(whole().configurations[0], installed=None, webhooks=())
    assert render_installation([standing], [unread], None, ["pods: may not"]).state == "unknown"


def test_replica_that_is_ending_or_not_ready_answers_nobody() -> None:
    ending = pod()
    ending["metadata"]["deletionTimestamp"] = "2026-06-01T00:00:00Z"
    for one in (ending, pod(ready="False")):
        replica = parse_replica(one, None)
        assert replica is not None
        assert not replica.ready


def test_knowledge_is_as_old_as_its_oldest_kind_and_unknown_before_the_first_list() -> None:
    for text, age in ((METRICS, 7.5), (METRICS + 'navicert_policy_age_seconds{kind="x"} +Inf', None), ("", None)):
        replica = parse_replica(pod(), text)
        assert replica is not None
        assert replica.knowledge_seconds == age


def test_leader_says_so() -> None:
    for text, leading in (
        ("navicert_operator_leading 1.0", True),
        ("navicert_operator_leading 0.0", False),
        ("", None),
    ):
        replica = parse_replica(pod("operator"), text)
        assert replica is not None
        assert replica.leading is leading


def test_pods_of_neither_program_are_none_of_ours() -> None:
    assert parse_replica(pod("kinds"), None) is None


def test_port_of_metrics_goes_by_its_name() -> None:
    assert status_port(pod()) == 9080
    assert status_port({"spec": {"containers": [{"ports": None}, 1]}}) is None


def test_findings_are_counted_by_policy_and_outcome() -> None:
    results = [{"policy": "SLSAPolicy/shop/own", "result": one} for one in ("pass", "fail", "pass")]
    reports: list[Document] = [{"results": results[:2]}, {"results": results[2:]}, {"results": None}, {}]
    assert count_findings(reports) == {"SLSAPolicy/shop/own": {"fail": 1, "pass": 2}}


def test_configuration_tells_who_is_exempt_and_what_happens_when_nobody_answers() -> None:
    one = parse_configuration(VALIDATING, {"webhooks": [HOOK]})
    assert one.exempt == ("kube-system",)
    assert [(hook.name, hook.on_failure, hook.timeout_seconds) for hook in one.webhooks] == [
        ("pods.validate.navicert.dev", "Fail", 10)
    ]


def test_text_of_others_is_made_fit_to_print() -> None:
    told = condition() | {"message": "a\x1b[31mb"}
    assert parse_standing("TrustRoot", policy(told), None).message == "a?[31mb"


@pytest.mark.case("CLI-006")
def test_documents_have_the_documented_shape() -> None:
    published = json.loads(SCHEMA.read_text())
    assert published == installation_schema()
    for one in (whole(), whole(hooks=None, ready=condition(generation=1), metrics="", unknown=("pods: may not",))):
        Draft202012Validator(published).validate(json.loads(msgspec.json.encode(one)))
