"""Whatever an object of ours holds: compiled, broken with problems, or MalformedPolicy; never another exception."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.errors import MalformedPolicy
from controller.core.match import Match
from controller.core.policy import BrokenPolicy
from controller.engine.compiling import KeyedPolicy
from controller.engine.policies import PolicyStore, compile_object
from controller.wire.policy import KINDS, parse_objects
from tests.support import objects

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20)
FIELDS = st.sampled_from(["mode", "match", "images", "require", "signers", "publicKey", "pem", "names", "keys"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
EASY: list[dict[str, Any]] = [*objects.FULL, objects.policy(match=objects.MATCH), objects.builder(), objects.root()]


def places(node: object) -> list[tuple[Any, Any]]:
    """Every container and key below an object."""
    found: list[tuple[Any, Any]] = []
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found += [(node, key), *places(value)]
    return found


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EASY), st.data(), VALUES)
def test_one_foreign_value_anywhere(source: dict[str, Any], data: st.DataObject, value: object) -> None:
    changed = copy.deepcopy(source)
    container, key = data.draw(st.sampled_from(places(changed)))
    container[key] = value
    try:
        compiled = compile_object(changed)
    except MalformedPolicy:
        return
    policy = compiled.unlinked.policy if isinstance(compiled, KeyedPolicy) else None
    problems = getattr(policy or compiled, "problems", ())
    assert all(str(problem).isascii() and str(problem).isprintable() for problem in problems)
    if isinstance(policy, BrokenPolicy) and changed["metadata"].get("namespace"):
        assert policy.match.namespace == changed["metadata"]["namespace"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(KINDS)), VALUES)
def test_any_spec(kind: str, spec: object) -> None:
    source = objects.document(kind, "x", {}, namespace="shop" if kind == "SLSAPolicy" else None) | {"spec": spec}
    store = PolicyStore()
    for one in KINDS:
        store.replace(one, [source] if one == kind else [])
    snapshot = store.current()
    assert snapshot is not None
    assert len(snapshot.policies.policies) == ("Policy" in kind)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_a_match_that_can_not_be_read_never_narrows(match: object) -> None:
    compiled = compile_object(objects.policy(match=match, require={"buildLevel": 9}))
    assert isinstance(compiled, KeyedPolicy)
    policy = compiled.unlinked.policy
    assert isinstance(policy, BrokenPolicy)
    if not isinstance(match, dict):
        assert policy.match == Match()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="ab:{}[]&*!<- \n'\"|>%@`0123456789.", max_size=80))
def test_any_text(text: str) -> None:
    try:
        parsed = parse_objects(text, "a.yaml")
    except MalformedPolicy:
        return
    assert all(isinstance(one, dict) for one in parsed)


def test_the_examples_have_places() -> None:
    assert all(places(source) for source in EASY)
    with pytest.raises(MalformedPolicy):
        compile_object({})
