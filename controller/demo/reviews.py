"""AdmissionReviews as an API server sends them, and its answers as a user gets to see them (admission.k8s.io/v1)."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from controller.core.reasons import Reason
from controller.core.text import printable

_REASON = re.compile(rf"(?:\]|:) (?P<reason>{'|'.join(Reason.__members__)})\b(?P<rest>.*)")
_MAX_WHY = 400


class Kind(Enum):
    """What is created: a bare pod, or a template of pods."""

    POD = "Pod"
    DEPLOYMENT = "Deployment"


class Ruling(Enum):
    """What becomes of a workload. UNKNOWN is a refusal, too: Navicert could not find out."""

    ADMITTED = "admitted"
    WARNED = "admitted, warned"
    REFUSED = "refused (403)"
    UNKNOWN = "refused (503)"
    OTHER = "unexpected"

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> Self:
        """Read `response` of an answered review."""
        if response.get("allowed") is True:
            return cls("admitted, warned" if response.get("warnings") else "admitted")
        code = response.get("status", {}).get("code")
        return cls(f"refused ({code})" if code in (403, 503) else "unexpected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a line of Navicert says: the reason, and the facts behind it."""

    reason: Reason
    why: str


def render_review(kind: Kind, namespace: str, containers: Mapping[str, str]) -> dict[str, Any]:
    """A review of the creation of a workload whose `containers` map names to images."""
    versions = {Kind.POD: ("", "pods"), Kind.DEPLOYMENT: ("apps", "deployments")}
    group, resource = versions[kind]
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": str(uuid.uuid4()),
            "kind": {"group": group, "version": "v1", "kind": kind.value},
            "resource": {"group": group, "version": "v1", "resource": resource},
            "operation": "CREATE",
            "namespace": namespace,
            "name": "shop",
            "userInfo": {"username": "demo", "groups": ["system:authenticated"]},
            "object": _object(kind, namespace, containers),
            "oldObject": None,
            "dryRun": False,
        },
    }


def read_lines(lines: Sequence[str]) -> Told | None:
    """The first reason that lines of a refusal or of warnings tell, with its facts and without its remedy."""
    for line in lines:
        found = _REASON.search(line)
        if found is not None:
            reason = Reason[found["reason"]]
            return Told(reason=reason, why=_without_remedy(found["rest"], reason))
    return None


def read_decision(lines: Iterable[Mapping[str, Any]], uid: str) -> Told | None:
    """What the decision line of one review tells, where the answer itself had nothing to tell: the first finding.

    The facts of findings that are all satisfied are what was proven.
    """
    reviews = (line.get("review", {}) for line in lines)
    review: Mapping[str, Any] = next((found for found in reviews if found.get("uid") == uid), {})
    findings = [finding for image in review.get("images", ()) for finding in image["findings"]]
    if not findings:
        return None
    reason = Reason[findings[0]["reason"]]
    proven = "; ".join(_proven(finding) for finding in findings if finding["outcome"] == "pass")
    return Told(reason=reason, why=proven if reason is Reason.Satisfied else findings[0]["detail"])


def lines_of(response: Mapping[str, Any]) -> tuple[str, ...]:
    """Everything the user is told: the message of the refusal, then the warnings."""
    message = response.get("status", {}).get("message", "")
    return (*message.splitlines(), *response.get("warnings", ()))


def _without_remedy(rest: str, reason: Reason) -> str:
    """The facts alone. A warning may have been cut in the middle of its remedy, or before it."""
    facts, _, _ = rest.rpartition(f". {reason.remedy.partition(' ')[0]} ")
    return printable((facts or rest).removeprefix(": "), limit=_MAX_WHY)


def _proven(finding: Mapping[str, Any]) -> str:
    if "level" not in finding:
        return f"signed by {finding['signer']}"
    return f"Build level {finding['level']} by {', '.join(finding['builders'])}, from {finding['source']}"


def _object(kind: Kind, namespace: str, containers: Mapping[str, str]) -> dict[str, Any]:
    labels = {"app": "shop"}
    spec = {"containers": [{"name": name, "image": image} for name, image in containers.items()]}
    metadata = {"name": "shop", "namespace": namespace, "labels": labels}
    if kind is Kind.POD:
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    template = {"metadata": {"labels": labels}, "spec": spec}
    deployment = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment}
