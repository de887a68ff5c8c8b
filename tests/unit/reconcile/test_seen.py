"""When a workload is judged again, and that everything spreads over the period."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.core.image import Digest
from controller.core.policy import Mode, PolicyName
from controller.core.reasons import Reason
from controller.core.verdict import Finding, ImageVerdict
from controller.core.workload import WorkloadImage
from controller.engine.population import RunningWorkload
from controller.reconcile.changes import changes_of
from controller.reconcile.reports import Stored
from controller.reconcile.seen import UNKNOWN_SECONDS, Inputs, Seen, due_after, inputs_of
from controller.wire.reported import ReportedOutcome
from controller.wire.running import PodShape, Reference

PERIOD = 12 * 3600.0
NOW = 1000.0
TOLD = Digest("a" * 64)
NAME = ("shop", "navicert-1")
STORED = Stored(uid="1", version="1", fingerprint=TOLD, outcomes={})
SEEN = Seen(
    inputs=Inputs(epoch=1, running=7),
    due=NOW + 10,
    outcomes={},
    results=(),
    uncovered=frozenset(),
    reports={NAME: TOLD},
)


def verdict(reason: Reason) -> ImageVerdict:
    policy = PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")
    finding = Finding(policy=policy, mode=Mode.ENFORCE, reason=reason)
    return ImageVerdict(image=WorkloadImage.of("a/b:v1", ()), digest=None, covered=True, findings=(finding,))


@pytest.mark.case("AUD-011")
def test_what_was_judged_at_once_is_judged_again_all_over_the_period() -> None:
    times = sorted(due_after([verdict(Reason.NoProvenance)], PERIOD, now=NOW, first=True) - NOW for _ in range(1000))
    assert times[0] >= 0.1 * PERIOD
    assert times[-1] <= PERIOD
    hours = {int(time // 3600) for time in times}
    assert hours == set(range(1, 12))
    later = [due_after([], PERIOD, now=NOW, first=False) - NOW for _ in range(1000)]
    assert 0.9 * PERIOD <= min(later) <= max(later) <= PERIOD


@pytest.mark.parametrize(
    ("reason", "soon"),
    [(Reason.RegistryUnavailable, True), (Reason.PolicyBroken, False), (Reason.NoProvenance, False)],
)
def test_what_could_not_be_found_out_is_asked_again_soon(reason: Reason, *, soon: bool) -> None:
    due = due_after([verdict(reason)], PERIOD, now=NOW, first=False)
    assert (due - NOW <= UNKNOWN_SECONDS) is soon


def test_a_judgement_holds_until_something_asks_for_another() -> None:
    same = Inputs(epoch=1, running=7)
    assert SEEN.holds(same, {NAME: STORED}, now=NOW)
    assert SEEN.holds(same, None, now=NOW)
    assert not SEEN.holds(same, {NAME: STORED}, now=NOW + 10)
    assert not SEEN.holds(replace(same, epoch=2), {NAME: STORED}, now=NOW)
    assert not SEEN.holds(replace(same, running=8), {NAME: STORED}, now=NOW)
    assert not SEEN.holds(same, {}, now=NOW)
    assert not SEEN.holds(same, {NAME: replace(STORED, fingerprint=Digest("b" * 64))}, now=NOW)


def test_labels_of_the_namespace_are_part_of_what_is_judged() -> None:
    shape = PodShape(name="web", labels=(), images=())
    top = Reference(api_version="v1", kind="Pod", name="web", uid="1")
    workload = RunningWorkload(namespace="shop", top=top, shapes=(shape,))
    found = {inputs_of(workload, labels, 1) for labels in (None, {}, {"tier": "gold"}, {"tier": "silver"})}
    assert len(found) == 4
    assert inputs_of(workload, {"a": "1", "b": "2"}, 1) == inputs_of(workload, {"b": "2", "a": "1"}, 1)


def test_only_what_was_known_and_came_out_otherwise_has_changed() -> None:
    key = ("ClusterSLSAPolicy/production", "docker.io/a/b:v1")
    since = datetime(2026, 6, 1, tzinfo=UTC)
    failing = [verdict(Reason.NoProvenance)]
    assert changes_of(failing, {}) == ()
    assert changes_of(failing, {key: ReportedOutcome(outcome="fail", since=since)}) == ()
    (line,) = changes_of(failing, {key: ReportedOutcome(outcome="pass", since=since)})
    assert line == "ClusterSLSAPolicy/production: docker.io/a/b:v1: pass, now fail (NoProvenance)"
