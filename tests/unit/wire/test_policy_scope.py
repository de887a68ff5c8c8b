"""What a broken policy guards: everything that it could have matched."""

import pytest

from controller.core.match import Match
from controller.core.policy import BrokenPolicy, Mode, Policy
from controller.core.selector import Operator, Requirement
from controller.wire.policy import compile_policy
from tests.support import objects
from tests.support.objects import Document, policy

BROKEN_ELSEWHERE: Document = {"require": {"buildLevel": 9}}


def guarded(source: Document) -> BrokenPolicy:
    compiled = compile_policy(source).policy
    assert isinstance(compiled, BrokenPolicy)
    return compiled


def test_a_policy_broken_elsewhere_keeps_its_scope() -> None:
    match = {"namespaces": objects.NAMESPACES, **objects.MATCH}
    sound = compile_policy(policy(match=match)).policy
    assert isinstance(sound, Policy)
    assert guarded(policy(match=match, **BROKEN_ELSEWHERE)).match == sound.match


@pytest.mark.case("POL-002")
@pytest.mark.parametrize(
    ("part", "value", "widened"),
    [
        ("images", ["ghcr.io/acme/*", "no-host"], "images"),
        ("images", "ghcr.io/acme/*", "images"),
        ("images", [], "images"),
        ("excludeImages", ["ghcr.io/acme/sandbox-*", "***"], "exclude_images"),
        ("podSelector", {"matchLabels": {"a b": "c"}}, "pod_selector"),
        ("podSelector", {"matchLables": {"a": "c"}}, "pod_selector"),
        ("podSelector", {"matchExpressions": [{"key": "a", "operator": "In"}]}, "pod_selector"),
        ("podSelector", {}, "pod_selector"),
    ],
)
def test_a_part_that_does_not_compile_matches_everything(part: str, value: object, widened: str) -> None:
    match = {"namespaces": objects.NAMESPACES, **objects.MATCH}
    whole, found = (
        guarded(policy(match=match, **BROKEN_ELSEWHERE)).match,
        guarded(policy(match={**match, part: value})).match,
    )
    assert not getattr(found, widened)
    for name in {"namespaces", "namespace_selector", "pod_selector", "images", "exclude_images"} - {widened}:
        assert getattr(found, name) == getattr(whole, name) != ()


@pytest.mark.case("POL-002")
@pytest.mark.parametrize(
    ("namespaces", "names", "selectors"),
    [
        ({"names": ["shop"], "selector": {"matchLabels": {"a b": "c"}}}, 1, 0),
        ({"names": ["shop", "***"], "selector": {"matchLabels": {"a": "c"}}}, 0, 1),
        ({"names": ["shop"], "selectr": {}}, 1, 0),
        ({"names": "shop"}, 0, 0),
        (["shop"], 0, 0),
        ({}, 0, 0),
    ],
)
def test_namespaces_that_compile_narrow_the_scope(namespaces: object, names: int, selectors: int) -> None:
    match = guarded(policy(match={"namespaces": namespaces})).match
    assert len(match.namespaces) == names
    assert (match.namespace_selector is not None) == selectors


@pytest.mark.case("POL-002")
@pytest.mark.parametrize("match", ["all", [], 7, {"iamges": ["a"]}])
def test_a_match_that_is_none_matches_everything(match: object) -> None:
    assert guarded(policy(match=match)).match == Match()


@pytest.mark.case("POL-002")
@pytest.mark.case("POL-007")
@pytest.mark.parametrize("match", ["all", {"namespaces": {"names": ["other"]}}, {"namespaces": ["other"]}])
def test_a_broken_namespaced_policy_guards_its_namespace(match: object) -> None:
    found = guarded(policy(namespace="shop", match=match))
    assert found.match == Match(namespace="shop")
    assert str(found.name) == "SLSAPolicy/shop/production"


@pytest.mark.case("POL-008")
def test_a_namespaced_policy_is_bound_to_its_namespace() -> None:
    compiled = compile_policy(policy(namespace="shop", match=objects.MATCH)).policy
    assert isinstance(compiled, Policy)
    assert compiled.match.namespace == "shop"


def test_labels_mean_what_they_mean_in_kubernetes() -> None:
    compiled = compile_policy(policy(match={"namespaces": objects.NAMESPACES})).policy
    assert isinstance(compiled, Policy)
    assert compiled.match.namespace_selector is not None
    assert compiled.match.namespace_selector.requirements == (
        Requirement(key="tier", operator=Operator.IN, values=frozenset({"production"})),
        Requirement(key="acme.example/zone", operator=Operator.NOT_IN, values=frozenset({"lab"})),
        Requirement(key="acme.example/owner", operator=Operator.EXISTS),
    )


@pytest.mark.parametrize(
    ("mode", "guards"),
    [
        ("Audit", Mode.AUDIT),
        ("Warn", Mode.WARN),
        ("Enforce", Mode.ENFORCE),
        ("audit", Mode.ENFORCE),
        (None, Mode.ENFORCE),
        (["Audit"], Mode.ENFORCE),
    ],
)
def test_a_mode_that_is_none_enforces(mode: object, guards: Mode) -> None:
    assert guarded(policy(mode=mode, **BROKEN_ELSEWHERE)).mode is guards


def test_many_problems_elsewhere_do_not_hide_a_broken_glob() -> None:
    unknown: Document = {f"a{number}": 1 for number in range(300)}
    found = guarded(policy(**unknown, match={"images": ["***"], **unknown}))
    assert found.match == Match()
    assert len(found.problems) == 100


def test_a_spec_larger_than_any_needs_is_not_taken_apart_and_guards_all_it_could_match() -> None:
    huge = policy(mode="Warn", match={"images": ["ghcr.io/acme/*"], **{f"field{n}": n for n in range(100_000)}})
    broken = guarded(huge)
    assert [problem.path for problem in broken.problems] == ["spec"]
    assert (broken.match, broken.mode) == (Match(), Mode.WARN)
    tenant = guarded(policy(namespace="shop", mode="Enforce", match={"images": list(range(100_000))}))
    assert tenant.match == Match(namespace="shop")
