"""Which registry hosts may be at private addresses because a policy of the cluster names them."""

import pytest

from controller.engine.hosts import named_hosts
from controller.engine.policies import PolicyStore
from controller.wire.policy import KINDS
from tests.support import objects


def store(*policies: objects.Document) -> PolicyStore:
    loaded = PolicyStore()
    for kind in KINDS:
        loaded.replace(kind, [one for one in policies if one["kind"] == kind])
    return loaded


@pytest.mark.case("NET-008")
@pytest.mark.parametrize(
    ("policy", "hosts"),
    [
        (
            objects.policy(match={"images": ["registry.internal:5000/acme/*", "ghcr.io/**"]}),
            {"registry.internal:5000", "ghcr.io"},
        ),
        (objects.policy(match={"images": ["*/acme/*", "registry.*/acme/*", "**"]}), set()),
        (objects.policy(namespace="shop", match={"images": ["registry.internal/acme/*"]}), set()),
        (objects.policy(match={"images": ["registry.internal/acme/*"]}, require={"buildLevel": 9}), set()),
        (objects.policy(), set()),
    ],
    ids=["literal", "wildcard", "tenant", "broken", "any image"],
)
def test_only_a_literal_host_of_a_sound_cluster_policy_is_named(policy: objects.Document, hosts: set[str]) -> None:
    assert named_hosts(store(policy).current()) == hosts


def test_before_policies_are_loaded_nobody_is_named() -> None:
    assert named_hosts(PolicyStore().current()) == frozenset()
