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
