"""What `navicert status` tells of a cluster: what is in force, whom the API server asks, and who answers.

Every field is always there; what is not known is null. Fields may be added, and none changes its meaning.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from controller.core.text import printable
from controller.wire.reported import SOURCE
from controller.wire.status import READY, StatusReason
from controller.wire.verification import schema_of

State = Literal["sound", "broken", "unknown"]
Component = Literal["webhook", "operator"]
ConfigurationKind = Literal["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]

COMPONENTS: tuple[Component, ...] = ("webhook", "operator")
COMPONENT_LABEL = "app.kubernetes.io/component"
SELECTOR = f"app.kubernetes.io/name={SOURCE}"
STATUS_PORT = "status"
OLD_SECONDS = 300.0  # as the alert NavicertPoliciesStale has it
_MESSAGE_CHARACTERS = 1024
_AGE, _LEADING = "navicert_policy_age_seconds", "navicert_operator_leading"

Object = Mapping[str, Any]


class _Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class ObjectStanding(_Shape, frozen=True, kw_only=True):
    """One object of Navicert's kinds, as its status has it. `ready` is null where nobody looked at this edition."""

    object: Annotated[str, msgspec.Meta(description="kind/name or kind/namespace/name")]
    mode: str | None
    ready: bool | None
    reason: str
    message: str
    findings: Annotated[
        dict[str, int] | None, msgspec.Meta(description="of a policy: how many, by outcome; null: no reports")
    ]


class Registered(_Shape, frozen=True, kw_only=True):
    """One webhook that the API server asks."""

    name: str
    on_failure: Annotated[str, msgspec.Meta(description="Fail: nothing is let in that nobody judged")]
    timeout_seconds: int


class Configuration(_Shape, frozen=True, kw_only=True):
    """One of the two webhook configurations. While it has no webhooks the API server asks nobody."""

    kind: ConfigurationKind
    installed: bool | None
    webhooks: tuple[Registered, ...]
    exempt: Annotated[tuple[str, ...], msgspec.Meta(description="namespaces whose workloads are never judged")]


class Replica(_Shape, frozen=True, kw_only=True):
    """One pod of Navicert. `knowledgeSeconds`: how long the API server told a webhook nothing, of the oldest kind."""

    name: str
    component: Component
    ready: bool
    leading: bool | None
    knowledge_seconds: float | None


class Installation(_Shape, frozen=True, kw_only=True):
    """The whole. `state` is broken if anything is not as it should be, else unknown if anything can't be found out."""

    state: State
    objects: tuple[ObjectStanding, ...]
    configurations: tuple[Configuration, ...]
    replicas: Annotated[tuple[Replica, ...] | None, msgspec.Meta(description="null: which there are is not known")]
    unknown: Annotated[tuple[str, ...], msgspec.Meta(description="what could not be found out, a sentence each")]


def installation_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return schema_of(Installation)


def render_installation(
    objects: Iterable[ObjectStanding],
    configurations: Iterable[Configuration],
    replicas: Iterable[Replica] | None,
    unknown: Iterable[str],
) -> Installation:
    """All of it, with the state that follows. `replicas` is None where pods can't be listed."""
    whole = Installation(
        state="sound",
        objects=tuple(objects),
        configurations=tuple(configurations),
        replicas=None if replicas is None else tuple(replicas),
        unknown=tuple(unknown),
    )
    unknowing = whole.unknown or any(one.ready is None for one in whole.objects)
    state: State = "broken" if _broken(whole) else "unknown" if unknowing else "sound"
    return msgspec.structs.replace(whole, state=state)


def parse_standing(kind: str, document: Object, findings: Mapping[str, Mapping[str, int]] | None) -> ObjectStanding:
    """How this object of ours stands. `findings` are those of every policy, None where there are no reports."""
    metadata, spec = _mapping(document.get("metadata")), _mapping(document.get("spec"))
    inside = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    name = printable(f"{kind}/{inside}{metadata.get('name')}")
    told, mode = _condition(document, READY), spec.get("mode")
    current = told.get("observedGeneration") == metadata.get("generation")
    known = {"True": True, "False": False}.get(str(told.get("status"))) if current else None
    return ObjectStanding(
        object=name,
        mode=printable(mode) if isinstance(mode, str) else None,
        ready=known,
        reason=printable(str(told.get("reason") or "")) if current else "",
        message=printable(str(told.get("message") or ""), limit=_MESSAGE_CHARACTERS)
        if current
        else "the operator has not looked at it yet",
        findings=None if findings is None or mode is None else dict(findings.get(name, {})),
    )


def parse_configuration(kind: ConfigurationKind, document: Object | None) -> Configuration:
    """How this configuration stands; None is one that is not there."""
    listed = _mapping(document).get("webhooks")
    webhooks = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return Configuration(
        kind=kind,
        installed=document is not None,
        webhooks=tuple(
            Registered(
                name=printable(str(one.get("name"))),
                on_failure=printable(str(one.get("failurePolicy"))),
                timeout_seconds=int(one.get("timeoutSeconds") or 0),
            )
            for one in webhooks
        ),
        exempt=tuple(sorted({printable(str(name)) for one in webhooks for name in _exempt(one)})),
    )


def parse_replica(pod: Object, exposition: str | None) -> Replica | None:
    """How this pod of Navicert stands, with what its metrics say; None for a pod of neither program."""
    metadata = _mapping(pod.get("metadata"))
    component = _mapping(metadata.get("labels")).get(COMPONENT_LABEL)
    if component not in COMPONENTS:
        return None
    ages, leading = _samples(exposition or "", _AGE), _samples(exposition or "", _LEADING)
    return Replica(
        name=printable(str(metadata.get("name"))),
        component=component,
        ready=_condition(pod, READY).get("status") == "True" and not metadata.get("deletionTimestamp"),
        leading=leading[0] == 1 if leading else None,
        knowledge_seconds=max(ages) if ages and all(map(math.isfinite, ages)) else None,
    )


def status_port(pod: Object) -> int | None:
    """The port of its metrics, as its containers name it."""
    containers = _mapping(pod.get("spec")).get("containers")
    for container in containers if isinstance(containers, list) else ():
        for port in _mapping(container).get("ports") or ():
            if _mapping(port).get("name") == STATUS_PORT and isinstance(port.get("containerPort"), int):
                return int(port["containerPort"])
    return None


def count_findings(reports: Iterable[Object]) -> dict[str, dict[str, int]]:
    """How many findings each policy has, by outcome, over these reports."""
    counts: Counter[tuple[str, str]] = Counter()
    for report in reports:
        results = report.get("results")
        for result in results if isinstance(results, list) else ():
            counts[str(_mapping(result).get("policy")), printable(str(_mapping(result).get("result")))] += 1
    found: dict[str, dict[str, int]] = {}
    for (policy, outcome), number in sorted(counts.items()):
        found.setdefault(policy, {})[outcome] = number
    return found


def _broken(whole: Installation) -> bool:
    """An exception that expired does what it says."""
    expired = StatusReason.EXPIRED.value
    objects = any(one.ready is False and one.reason != expired for one in whole.objects)
    unregistered = any(one.installed is not None and not one.webhooks for one in whole.configurations)
    return objects or unregistered or (whole.replicas is not None and _unanswered(whole.replicas))


def _unanswered(replicas: tuple[Replica, ...]) -> bool:
    """Whether one of the programs has no replica that is ready, or what a webhook knows is old."""
    ready = {one.component for one in replicas if one.ready}
    ages = (one.knowledge_seconds for one in replicas if one.knowledge_seconds is not None)
    return ready != set(COMPONENTS) or any(age > OLD_SECONDS for age in ages)


def _condition(document: Object, kind: str) -> Object:
    conditions = _mapping(document.get("status")).get("conditions")
    listed = conditions if isinstance(conditions, list) else ()
    return next((one for one in listed if isinstance(one, Mapping) and one.get("type") == kind), {})


def _exempt(webhook: Object) -> Iterable[object]:
    expressions = _mapping(webhook.get("namespaceSelector")).get("matchExpressions") or ()
    return (name for one in expressions if _mapping(one).get("operator") == "NotIn" for name in _mapping(one)["values"])


def _samples(exposition: str, metric: str) -> list[float]:
    """The values of every series of this metric, in Prometheus' text format."""
    found = []
    for line in exposition.splitlines():
        name, _, value = line.rpartition(" ")
        if name.partition("{")[0] == metric:
            try:
                found.append(float(value))
            except ValueError:
                continue
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
