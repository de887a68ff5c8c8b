"""What the API server is asked to send to Navicert: the `webhooks` of its three registrations.

admissionregistration.k8s.io/v1, Kubernetes 1.30 and later. Every field that the API server would fill in is written
out, so that a configuration is as it should be exactly when its `webhooks` equal what is rendered here.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.wire.policy.kinds import GROUP, KINDS, VERSION
from controller.wire.unchanged import CRON_JOB, POD, SPEC_CHANGED, TEMPLATE, changes_images

VALIDATE_PATH, PIN_PATH, VALIDATE_POLICY_PATH = "/validate", "/pin", "/validate-policy"
VALIDATE_SECONDS, PIN_SECONDS, VALIDATE_POLICY_SECONDS = 10, 3, 5
ALWAYS_EXEMPT = "kube-system"
NEVER_EXEMPT = "default"
MAX_EXEMPT = 64
_NAME_LABEL = "kubernetes.io/metadata.name"  # set by the API server, and by nobody else

Webhook = Mapping[str, Any]
Rule = tuple[str, str, tuple[str, ...]]

_PODS: tuple[Rule, ...] = (("", "v1", ("pods", "pods/ephemeralcontainers")),)
_TEMPLATES: tuple[Rule, ...] = (
    ("", "v1", ("replicationcontrollers",)),
    ("apps", "v1", ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("batch", "v1", ("jobs",)),
)
_CRON_JOBS: tuple[Rule, ...] = (("batch", "v1", ("cronjobs",)),)
_OWN: tuple[Rule, ...] = ((GROUP, VERSION, tuple(sorted(kind.plural for kind in KINDS.values()))),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What is the same for all webhooks: the Service that answers, who vouches for its certificate, who is exempt.

    `exempt` are namespaces whose workloads Navicert never sees, besides its own and kube-system. Raises ValueError for
    `default`, where everybody's workloads land, for more than MAX_EXEMPT, and without an authority.
    """

    namespace: str
    service: str
    port: int
    authorities: bytes
    exempt: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if NEVER_EXEMPT in (self.namespace, *self.exempt):
            raise ValueError(f"the namespace {NEVER_EXEMPT} is never exempt: everybody's workloads land there")
        if len(self.exempt) > MAX_EXEMPT:
            raise ValueError(f"at most {MAX_EXEMPT} namespaces are exempt")
        if not self.authorities:
            raise ValueError("nothing is registered whose certificate nobody vouches for")

    @property
    def namespaces(self) -> Mapping[str, Any]:
        """Every namespace but the exempt ones, by name: no label that an editor can set exempts anything (OPS-012)."""
        names = sorted({self.namespace, ALWAYS_EXEMPT, *self.exempt})
        return {"matchExpressions": [{"key": _NAME_LABEL, "operator": "NotIn", "values": names}]}


def render_validating(registration: Registration) -> list[Webhook]:
    """The webhooks that judge workloads. They fail closed: who can't be asked does not let in.

    One for each place that kinds keep their pod spec at, because each has its own words for an update of images.
    """
    return [
        _judging(registration, f"{name}.validate.{GROUP}", rules, condition)
        for name, rules, condition in (
            ("pods", _PODS, changes_images(POD)),
            ("templates", _TEMPLATES, changes_images(TEMPLATE)),
            ("cronjobs", _CRON_JOBS, changes_images(CRON_JOB)),
        )
    ]


def render_mutating(registration: Registration) -> list[Webhook]:
    """The webhook that pins tags in pods. It decides nothing, so it may fail."""
    return [
        {
            "name": f"pin.{GROUP}",
            "clientConfig": _client(registration, PIN_PATH),
            "rules": _rules(_PODS, "Namespaced"),
            "failurePolicy": "Ignore",
            "matchPolicy": "Equivalent",
            "namespaceSelector": registration.namespaces,
            "objectSelector": {},
            "sideEffects": "None",
            "timeoutSeconds": PIN_SECONDS,
            "admissionReviewVersions": ["v1"],
            "reinvocationPolicy": "IfNeeded",
            "matchConditions": [{"name": "changes-images", "expression": changes_images(POD)}],
        }
    ]


def render_policy_validation(registration: Registration) -> list[Webhook]:
    """The webhook that tells what is wrong with a policy at the door. The loader guards anyway, so it may fail."""
    return [
        {
            "name": f"validate-policy.{GROUP}",
            "clientConfig": _client(registration, VALIDATE_POLICY_PATH),
            "rules": _rules(_OWN, "*"),
            "failurePolicy": "Ignore",
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "sideEffects": "None",
            "timeoutSeconds": VALIDATE_POLICY_SECONDS,
            "admissionReviewVersions": ["v1"],
            "matchConditions": [{"name": "changes-spec", "expression": SPEC_CHANGED}],
        }
    ]


def _judging(registration: Registration, name: str, rules: tuple[Rule, ...], condition: str) -> Webhook:
    return {
        "name": name,
        "clientConfig": _client(registration, VALIDATE_PATH),
        "rules": _rules(rules, "Namespaced"),
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": registration.namespaces,
        "objectSelector": {},
        "sideEffects": "None",
        "timeoutSeconds": VALIDATE_SECONDS,
        "admissionReviewVersions": ["v1"],
        "matchConditions": [{"name": "changes-images", "expression": condition}],
    }


def _client(registration: Registration, path: str) -> Mapping[str, Any]:
    service = {
        "namespace": registration.namespace,
        "name": registration.service,
        "path": path,
        "port": registration.port,
    }
    return {"service": service, "caBundle": base64.b64encode(registration.authorities).decode()}


def _rules(rules: tuple[Rule, ...], scope: str) -> list[Mapping[str, Any]]:
    """Never on DELETE: what goes is nobody's business but the owner's."""
    return [
        {
            "operations": ["CREATE", "UPDATE"],
            "apiGroups": [group],
            "apiVersions": [version],
            "resources": list(resources),
            "scope": scope,
        }
        for group, version, resources in rules
    ]
