"""What a policy can reach by its schema: nothing of another namespace, and no Secret at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from controller.core.policy import BrokenPolicy
from controller.wire.policy import KINDS, compile_policy
from controller.wire.policy.nodes import Node
from controller.wire.policy.policy import NamespacedPolicySpec
from controller.wire.policy.root import ConfigMapReference
from tests.support import objects


def models(annotation: Any) -> Iterator[type[Node]]:
    """Every model that a value of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Node):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
        return
    for part in get_args(annotation):
        yield from models(part)


@pytest.mark.case("POL-009")
def test_a_namespaced_policy_has_no_field_that_names_an_object_of_a_namespace() -> None:
    names = {name for model in models(NamespacedPolicySpec) for name in model.field_names()}
    assert {
        name for name in names if any(word in name for word in ("ecret", "onfigMap", "KeyRef", "ObjectRef"))
    } == set()
    assert {name for name in names if "namespace" in name.lower()} == {"namespaces"}  # which it may not have


@pytest.mark.case("POL-009")
def test_the_one_reference_to_an_object_is_a_cluster_kinds_and_has_no_namespace() -> None:
    holding = {name for name, kind in KINDS.items() if ConfigMapReference in models(kind.spec)}
    assert holding == {"TrustRoot"}
    assert not KINDS["TrustRoot"].namespaced
    assert ConfigMapReference.field_names() == ("name", "key")


@pytest.mark.case("POL-009")
@pytest.mark.parametrize(
    "key", [{"secretKeyRef": {"namespace": "other", "name": "a", "key": "b"}}, {"configMapRef": {"name": "a"}}]
)
def test_a_policy_that_tries_does_not_compile(key: dict[str, Any]) -> None:
    signed = {"signatures": [{"signers": [{"publicKey": key}]}]}
    compiled = compile_policy(objects.policy("own", namespace="shop", require=signed))
    assert isinstance(compiled.policy, BrokenPolicy)
    assert any(next(iter(key)) in str(problem) for problem in compiled.policy.problems)
