"""A cluster with many policies: what work they make, counted in calls, because times depend on the machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from controller.core.evaluate import select
from controller.core.policy import Uncovered
from controller.engine.policies import PolicyStore
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.facts import evidence, judge_image, provenance, workload

FEW, MANY = 100, 300
CONDITION = {"name": "release", "expression": "provenance.source.ref.startsWith('refs/tags/')"}


class Calls:
    """How many functions of Python were called."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def counted() -> Iterator[Calls]:
    calls = Calls()

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        calls.count += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def stored(number: int) -> objects.Document:
    """A policy as the API server gives it, about a repository of its own."""
    images, sources = [f"ghcr.io/acme/p{number}-*"], [{"repositories": ["https://github.com/acme/{1}"]}]
    build = {"conditions": [CONDITION], "maxAge": "720h"}
    document = objects.policy(
        f"p{number}", match={"images": images}, require={"buildLevel": 3, "sources": sources, "build": build}
    )
    document["metadata"] |= {"uid": f"u{number}", "resourceVersion": "1"}
    return document


def loaded(count: int) -> PolicyStore:
    store = PolicyStore()
    for kind in KINDS:
        listed = [stored(number) for number in range(count)] if kind == "ClusterSLSAPolicy" else []
        store.replace(kind, listed)
    return store


def growth(work: Callable[[int], object]) -> float:
    """How much more is called for MANY than for FEW, in multiples of what is in proportion."""
    work(3)  # what is done once per process
    totals = Counter[int]()
    for size in (FEW, MANY):
        with counted() as calls:
            work(size)
        totals[size] = calls.count
    return (totals[MANY] / totals[FEW]) / (MANY / FEW)


@pytest.mark.case("POL-018")
def test_compiling_takes_work_in_proportion_to_the_policies() -> None:
    assert growth(lambda count: loaded(count).current()) < 1.1


@pytest.mark.case("POL-018")
def test_a_change_compiles_what_changed_and_nothing_else() -> None:
    store = loaded(MANY)
    store.current()
    with counted() as alone:
        loaded(1)
    with counted() as again:
        store.replace("ClusterSLSAPolicy", [stored(number) for number in range(MANY)])
    with counted() as changed:
        store.apply(stored(7) | {"metadata": {"name": "p7"}})
    assert changed.count < 2 * alone.count
    assert again.count < MANY * alone.count / 4


@pytest.mark.case("POL-018")
def test_a_review_judges_by_the_policies_that_match_and_only_looks_at_the_others() -> None:
    pod = workload()
    found = evidence(provenance())
    store = loaded(MANY)
    store.apply(objects.policy("own", match={"images": ["ghcr.io/acme/shop"]}))
    snapshot = store.current()
    assert snapshot is not None
    (image,) = pod.images
    assert [str(policy.name) for policy, _ in select(snapshot.policies, pod, image)] == ["ClusterSLSAPolicy/own"]
    judged = judge_image(snapshot.policies, pod, image, evidence=found, uncovered=Uncovered.ALLOW)
    assert [str(finding.policy) for finding in judged.findings] == ["ClusterSLSAPolicy/own"]
