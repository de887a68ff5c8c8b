"""What the API server is asked to send, as far as it can be told without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.wire.policy import KINDS
from controller.wire.webhooks import Registration, render_mutating, render_policy_validation, render_validating

HOME = "navicert-system"
REGISTRATION = Registration(namespace=HOME, service="navicert", port=443, authorities=b"PEM", exempt=("network",))
ALL = [*render_validating(REGISTRATION), *render_mutating(REGISTRATION), *render_policy_validation(REGISTRATION)]


def resources(webhook: Any) -> set[str]:
    return {resource for rule in webhook["rules"] for resource in rule["resources"]}


@pytest.mark.case("OPS-016")
def test_default_is_never_exempt() -> None:
    for wrong in ({"namespace": "default"}, {"exempt": ("default",)}):
        with pytest.raises(ValueError, match="never exempt"):
            replace(REGISTRATION, **wrong)


def test_nothing_is_registered_without_an_authority() -> None:
    with pytest.raises(ValueError, match="vouches"):
        Registration(namespace=HOME, service="navicert", port=443, authorities=b"")


def test_who_judges_fails_closed_and_who_only_helps_may_fail() -> None:
    policies = {one["clientConfig"]["service"]["path"]: one["failurePolicy"] for one in ALL}
    assert policies == {"/validate": "Fail", "/pin": "Ignore", "/validate-policy": "Ignore"}
    assert [one["timeoutSeconds"] for one in ALL] == [10, 10, 10, 3, 5]


def test_every_kind_with_a_pod_spec_is_judged_once() -> None:
    judged = [resource for one in render_validating(REGISTRATION) for resource in sorted(resources(one))]
    assert sorted(judged) == [
        "cronjobs",
        "daemonsets",
        "deployments",
        "jobs",
        "pods",
        "pods/ephemeralcontainers",
        "replicasets",
        "replicationcontrollers",
        "statefulsets",
    ]
    (policies,) = render_policy_validation(REGISTRATION)
    assert resources(policies) == {kind.plural for kind in KINDS.values()}


def test_only_pods_are_pinned() -> None:
    (pin,) = render_mutating(REGISTRATION)
    assert resources(pin) == {"pods", "pods/ephemeralcontainers"}
    assert pin["reinvocationPolicy"] == "IfNeeded"


def test_nothing_is_asked_about_what_is_deleted() -> None:
    assert {operation for one in ALL for rule in one["rules"] for operation in rule["operations"]} == {
        "CREATE",
        "UPDATE",
    }


@pytest.mark.case("OPS-012")
def test_exempt_namespaces_are_told_by_name() -> None:
    expression = {
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": ["kube-system", HOME, "network"],
    }
    for one in (*render_validating(REGISTRATION), *render_mutating(REGISTRATION)):
        assert one["namespaceSelector"] == {"matchExpressions": [expression]}
        assert one["objectSelector"] == {}


def test_everything_registered_is_this_and_nothing_else() -> None:
    """Written out: each field is one that admission of a whole cluster depends on."""
    outside = {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", HOME, "network"]}
        ]
    }
    images = {name: [{"name": "changes-images", "expression": IMAGES.replace("PLACE", at)}] for name, at in AT.items()}
    spec = [{"name": "changes-spec", "expression": SPEC}]
    judging = {
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": outside,
        "objectSelector": {},
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
    }
    helping = judging | {"failurePolicy": "Ignore"}
    assert render_validating(REGISTRATION) == [
        judging
        | {
            "name": f"{name}.validate.navicert.dev",
            "clientConfig": client("/validate"),
            "rules": [rule(*one) for one in RULES[name]],
            "matchConditions": images[name],
        }
        for name in ("pods", "templates", "cronjobs")
    ]
    assert render_mutating(REGISTRATION) == [
        helping
        | {
            "name": "pin.navicert.dev",
            "clientConfig": client("/pin"),
            "rules": [rule(*one) for one in RULES["pods"]],
            "timeoutSeconds": 3,
            "reinvocationPolicy": "IfNeeded",
            "matchConditions": images["pods"],
        }
    ]
    assert render_policy_validation(REGISTRATION) == [
        helping
        | {
            "name": "validate-policy.navicert.dev",
            "clientConfig": client("/validate-policy"),
            "rules": [rule("navicert.dev", "v1alpha1", OWN) | {"scope": "*"}],
            "namespaceSelector": {},
            "timeoutSeconds": 5,
            "matchConditions": spec,
        }
    ]


def client(path: str) -> dict[str, Any]:
    service = {"namespace": "navicert-system", "name": "navicert", "path": path, "port": 443}
    return {"service": service, "caBundle": "UEVN"}


def rule(group: str, version: str, resources: list[str]) -> dict[str, Any]:
    return {
        "operations": ["CREATE", "UPDATE"],
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": resources,
        "scope": "Namespaced",
    }


OWN = ["clusterslsapolicies", "slsaexceptions", "slsapolicies", "trustedbuilders", "trustroots"]
RULES = {
    "pods": [("", "v1", ["pods", "pods/ephemeralcontainers"])],
    "templates": [
        ("", "v1", ["replicationcontrollers"]),
        ("apps", "v1", ["daemonsets", "deployments", "replicasets", "statefulsets"]),
        ("batch", "v1", ["jobs"]),
    ],
    "cronjobs": [("batch", "v1", ["cronjobs"])],
}
AT = {"pods": ".?spec", "templates": ".?spec.?template.?spec", "cronjobs": ".?spec.?jobTemplate.?spec.?template.?spec"}
SPEC = "request.operation != 'UPDATE' || object.?spec != oldObject.?spec"
IMAGES = (
    "request.operation != 'UPDATE'"
    " || optional.ofNonZeroValue(objectPLACE.?initContainers.orValue([])).orValue([])"
    ".map(c, [c.?name, c.?image])"
    " != optional.ofNonZeroValue(oldObjectPLACE.?initContainers.orValue([])).orValue([])"
    ".map(c, [c.?name, c.?image])"
    " || optional.ofNonZeroValue(objectPLACE.?containers.orValue([])).orValue([])"
    ".map(c, [c.?name, c.?image])"
    " != optional.ofNonZeroValue(oldObjectPLACE.?containers.orValue([])).orValue([])"
    ".map(c, [c.?name, c.?image])"
    " || optional.ofNonZeroValue(objectPLACE.?ephemeralContainers.orValue([])).orValue([])"
    ".map(c, [c.?name, c.?image])"
    " != optional.ofNonZeroValue(oldObjectPLACE.?ephemeralContainers.orValue([])).orValue([])"
    ".map(c, [c.?name, c.?image])"
    " || optional.ofNonZeroValue(objectPLACE.?volumes.orValue([])).orValue([])"
    ".filter(v, has(v.image)).map(v, [v.?name, v.?image.?reference])"
    " != optional.ofNonZeroValue(oldObjectPLACE.?volumes.orValue([])).orValue([])"
    ".filter(v, has(v.image)).map(v, [v.?name, v.?image.?reference])"
)
