"""Reviews whose evidence is at hand: judged at once, and by nothing that has changed since."""

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from controller.core.evidence import Evidence
from controller.core.policy import Uncovered
from controller.core.policyset import PolicySet
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.core.workload import Workload
from controller.engine.circumstances import Circumstances
from controller.engine.decision import RECENT_SECONDS, STEPS_IN_A_ROW, decide
from controller.engine.gathering import GatherRequest, Known
from controller.engine.linking import Snapshot
from controller.trust import root
from controller.trust.root import INLINE_PREFIX, TrustRoot, TrustRoots
from tests.support.facts import BUILD, NOW, PINNED, D, builder, evidence, policies, policy, provenance, workload

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
FOUND = evidence(replace(provenance(), times=(NOW,)))
YOUNG = policies(policy(build=replace(BUILD, max_age=DAY)))


@dataclass
class Cache:
    """Knows the evidence of every image as it is now, but of those whose tags are `slow` only after a while."""

    found: Evidence = FOUND
    slow: frozenset[str] = frozenset()
    asked: list[GatherRequest] = field(default_factory=list)

    def __call__(self, request: GatherRequest) -> Awaitable[Evidence]:
        self.asked.append(request)
        return self._later() if request.reference.tag in self.slow else Known(self.found)

    async def _later(self) -> Evidence:
        await asyncio.sleep(0.01)
        return self.found


async def decided(
    cache: Cache, *, members: PolicySet = YOUNG, now: datetime = NOW, pod: Workload | None = None, roots: TrustRoots
) -> Verdict:
    circumstances = Circumstances(now=now, deadline=asyncio.get_running_loop().time() + 10, uncovered=Uncovered.ALLOW)
    snapshot = Snapshot(policies=members, roots=roots, problems={})
    return await decide(pod or workload(), snapshot=snapshot, gather=cache, circumstances=circumstances)


def run(deciding: Coroutine[object, None, Verdict]) -> tuple[Verdict, int]:
    """What comes of it, and how many turns of the event loop it gave to others; it must wait for nothing else."""
    turns = 0
    while True:
        try:
            waited_for: object = deciding.send(None)
        except StopIteration as ended:
            return ended.value, turns
        assert waited_for is None
        turns += 1


def pod_of(*tags: str) -> Workload:
    return workload(*(f"ghcr.io/acme/shop:{tag}@{D}" for tag in tags))


async def test_a_review_whose_evidence_is_at_hand_makes_no_task_and_waits_for_nothing() -> None:
    before = asyncio.all_tasks()
    verdict, turns = run(decided(Cache(), pod=pod_of("a", "b", "c"), roots=TrustRoots()))
    assert len(verdict.images) == 3
    assert turns <= 3  # of steps that a busy machine made longer than a millisecond
    assert asyncio.all_tasks() == before


async def test_others_have_their_turns_while_many_images_are_asked_about_and_judged() -> None:
    verdict, turns = run(decided(Cache(), pod=pod_of(*(f"v{n}" for n in range(80))), roots=TrustRoots()))
    assert len(verdict.images) == 80
    assert turns >= 2 * 80 // STEPS_IN_A_ROW - 1  # and none after the last


async def test_known_evidence_can_be_waited_for_like_any_other() -> None:
    assert await Known(FOUND) is FOUND
    assert list(await asyncio.gather(Known(FOUND), Known(FOUND))) == [FOUND, FOUND]


async def test_images_keep_their_order_whether_they_had_to_be_waited_for_or_not() -> None:
    pod = pod_of("a", "b", "c", "d")
    verdict = await decided(Cache(slow=frozenset({"a", "c"})), pod=pod, roots=TrustRoots())
    assert [one.image for one in verdict.images] == list(pod.images)
    assert verdict.allowed


async def test_what_is_at_hand_and_does_not_satisfy_is_asked_once_more_while_others_are_waited_for() -> None:
    """Nobody's slow registry takes the time that others need, and nobody waits for another in turn (REG-011)."""
    pod, under_way, most = pod_of("a", "b", "c", "slow"), 0, 0

    async def anew(request: GatherRequest) -> Evidence:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if request.reference.tag == "slow":
            await asyncio.sleep(5)
        await asyncio.sleep(0.01)
        under_way -= 1
        return evidence()

    def gather(request: GatherRequest) -> Awaitable[Evidence]:
        known = request.reference.tag != "slow" and request.max_age > RECENT_SECONDS
        return Known(evidence()) if known else anew(request)

    circumstances = Circumstances(now=NOW, deadline=asyncio.get_running_loop().time() + 0.3, uncovered=Uncovered.ALLOW)
    snapshot = Snapshot(policies=YOUNG, roots=TrustRoots(), problems={})
    verdict = await decide(pod, snapshot=snapshot, gather=gather, circumstances=circumstances)
    told = [one.findings[0].reason for one in verdict.images]
    assert told == [Reason.NoProvenance] * 3 + [Reason.DeadlineExceeded]
    assert most == 4


async def test_evidence_policies_and_time_count_as_they_are_at_each_review() -> None:
    cache, roots = Cache(), TrustRoots()
    strangers = policies(policy(), builders=(builder(key="another"),))
    told = [
        (await decided(cache, roots=roots)).findings[0].reason,
        (await decided(cache, roots=roots, now=NOW + DAY + SECOND)).findings[0].reason,
        (await decided(cache, roots=roots, members=strangers)).findings[0].reason,
        (await decided(Cache(evidence()), roots=roots)).findings[0].reason,
        (await decided(cache, roots=roots)).findings[0].reason,
    ]
    expected = [Reason.Satisfied, Reason.TooOld, Reason.BuilderNotTrusted, Reason.NoProvenance, Reason.Satisfied]
    assert told == expected


async def test_a_root_is_too_old_from_its_time_on_whatever_was_asked_before() -> None:
    cache = Cache()
    roots = TrustRoots(roots={"acme": TrustRoot(name="acme", keys=(), stale_at=NOW)})
    for now in (NOW, NOW + SECOND, NOW):
        await decided(cache, roots=roots, now=now)
    assert [bool(request.stale) for request in cache.asked] == [False, True, False]


def test_which_roots_serve_is_found_out_once_for_equal_names_and_never_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(root, "_MAX_SERVING", 3)
    names = [f"{INLINE_PREFIX}{n}" for n in range(8)]
    roots = TrustRoots(roots={name: TrustRoot(name=name, keys=()) for name in ("acme", *names)})
    for name in names:
        serving = roots.serving(frozenset({name}))
        assert set(serving.roots) == {"acme", name}
        assert roots.serving(frozenset({name})) is serving
        assert len(roots._serving) <= 3
    assert roots.serving(frozenset(names)) is roots


async def test_a_reference_that_names_another_digest_is_never_judged_by_what_is_at_hand() -> None:
    pod = workload(PINNED.replace(str(D), f"sha256:{'0' * 64}"))
    with pytest.raises(ValueError, match="its own image"):
        await decided(Cache(), pod=pod, roots=TrustRoots())
