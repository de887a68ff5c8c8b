"""What a decision asks of gathering: in parallel, in bounds, and with nobody else's keys."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.core.evidence import Evidence, Gap, VerifiedStatement
from controller.core.image import Digest
from controller.core.matchers import KeyMatcher
from controller.core.policy import Mode, Policy, Tags, Uncovered
from controller.core.provenance import Dependency
from controller.core.reasons import Reason
from controller.core.requirements import DependencyRequirement, Requirements, SignatureRequirement
from controller.core.verdict import Verdict
from controller.core.workload import Workload
from controller.engine.circumstances import UNHURRIED, Circumstances
from controller.engine.decision import MAX_IMAGES, PARALLEL_IMAGES, decide
from controller.engine.gathering import GatherRequest
from controller.engine.policies import Snapshot
from controller.trust.root import INLINE_PREFIX, TrustRoot, TrustRoots
from tests.support.facts import OTHER, D, builder, evidence, policies, policy, provenance, workload

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def snapshot(*members: Policy, roots: tuple[str, ...] = ()) -> Snapshot:
    known = TrustRoots(roots={name: TrustRoot(name=name, keys=()) for name in roots})
    return Snapshot(policies=policies(*members), roots=known, problems={})


class Registry:
    """Remembers what it was asked and how much at once; takes `seconds` for each answer."""

    def __init__(self, seconds: float = 0.0, answer: Callable[[GatherRequest], Evidence] | None = None) -> None:
        self.requests: list[GatherRequest] = []
        self.at_once = self.most_at_once = 0
        self._seconds = seconds
        self._answer = answer or (lambda _request: evidence(provenance()))

    async def __call__(self, request: GatherRequest) -> Evidence:
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self._seconds)
        self.at_once -= 1
        return self._answer(request)


async def decided(pod: Workload, members: Snapshot | None, registry: Registry, *, seconds: float = 10) -> Verdict:
    deadline = asyncio.get_running_loop().time() + seconds
    circumstances = Circumstances(now=NOW, deadline=deadline, uncovered=Uncovered.ALLOW)
    return await decide(pod, snapshot=members, gather=registry, circumstances=circumstances)


def pod_of(count: int) -> Workload:
    return workload(*(f"ghcr.io/acme/shop:v{n}@{D}" for n in range(count)))


@pytest.mark.case("SVC-001")
async def test_before_the_first_sync_everything_is_refused_and_nothing_is_asked() -> None:
    registry = Registry()
    verdict = await decided(workload(), None, registry)
    assert (verdict.allowed, verdict.code) == (False, 503)
    assert {finding.reason for finding in verdict.findings} == {Reason.PoliciesNotSynced}
    assert registry.requests == []


@pytest.mark.case("COV-014")
async def test_each_image_is_gathered_once_and_all_at_the_same_time() -> None:
    registry = Registry(0.01)
    assert (await decided(pod_of(8), snapshot(policy()), registry)).allowed
    assert (len(registry.requests), registry.most_at_once) == (8, 8)


@pytest.mark.case("REG-012")
async def test_more_images_than_go_at_once_are_judged_in_turn() -> None:
    registry = Registry(0.001)
    assert (await decided(pod_of(PARALLEL_IMAGES + 1), snapshot(policy()), registry)).allowed
    assert (len(registry.requests), registry.most_at_once) == (PARALLEL_IMAGES + 1, PARALLEL_IMAGES)


async def test_images_beyond_the_bound_are_unknown_and_refused() -> None:
    registry = Registry()
    verdict = await decided(pod_of(MAX_IMAGES + 3), snapshot(policy()), registry)
    assert len(registry.requests) == MAX_IMAGES
    assert [finding.reason for finding in verdict.findings if finding.refuses] == [Reason.LimitExceeded] * 3


@pytest.mark.case("SVC-008")
async def test_a_registry_that_stalls_is_not_waited_for_beyond_the_deadline() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    verdict = await decided(workload(), snapshot(policy()), Registry(30), seconds=0.2)
    assert loop.time() - started < 20
    assert {finding.reason for finding in verdict.findings} == {Reason.DeadlineExceeded}
    assert not verdict.allowed


@pytest.mark.case("SET-011")
async def test_what_had_been_found_by_the_deadline_counts_however_busy_the_loop_was_then() -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 0.2

    async def until_the_deadline(_request: GatherRequest) -> Evidence:
        await asyncio.sleep(deadline - loop.time())
        return evidence(provenance(), gaps=(Gap(reason=Reason.DeadlineExceeded, detail="not all of it"),))

    loop.call_at(deadline - 0.05, time.sleep, 0.5)
    circumstances = Circumstances(now=NOW, deadline=deadline, uncovered=Uncovered.ALLOW)
    members = snapshot(policy())
    verdict = await decide(workload(), snapshot=members, gather=until_the_deadline, circumstances=circumstances)
    assert verdict.allowed


@pytest.mark.parametrize(("mode", "seconds"), [(Mode.AUDIT, 0.5), (Mode.WARN, 2.0), (Mode.ENFORCE, 10.0)])
async def test_weaker_modes_are_less_patient(mode: Mode, seconds: float) -> None:
    registry = Registry()
    loop = asyncio.get_running_loop()
    started = loop.time()
    await decided(workload(), snapshot(policy(mode=mode)), registry)
    assert registry.requests[0].deadline - started == pytest.approx(seconds, abs=1.0)


@pytest.mark.case("MODE-005")
@pytest.mark.parametrize(("mode", "seconds"), [(Mode.AUDIT, 0.5), (Mode.WARN, 2.0), (Mode.ENFORCE, 10.0)])
async def test_dependencies_are_waited_for_as_long_as_the_policy_may_that_asks_for_them(
    mode: Mode, seconds: float
) -> None:
    """Beside it stands a policy in Enforce, which is satisfied and asks for none."""
    base = Dependency(uri=f"ghcr.io/acme-base/node@{OTHER}", digests={"sha256": OTHER.hex})
    statement = provenance()
    assert statement.provenance is not None
    built = replace(statement, provenance=replace(statement.provenance, dependencies=(base,)))
    asks = Requirements(dependencies=DependencyRequirement(level=1, images=()))
    members = policies(
        policy(), policy("asks", mode=mode, require=asks), builders=(replace(builder(), records_dependencies=True),)
    )
    registry = Registry(answer=lambda request: evidence(*((built,) if request.reference.digest == D else ())))
    started = asyncio.get_running_loop().time()
    known = Snapshot(policies=members, roots=TrustRoots(roots={}), problems={})
    assert (await decided(workload(), known, registry)).allowed is (mode is not Mode.ENFORCE)
    (looked_up,) = [one for one in registry.requests if one.reference.digest == OTHER]
    assert looked_up.deadline - started == pytest.approx(seconds, abs=1.0)


@pytest.mark.parametrize("mode", Mode)
async def test_where_nobody_waits_every_mode_has_until_the_deadline(mode: Mode) -> None:
    registry, deadline = Registry(), asyncio.get_running_loop().time() + 10
    circumstances = Circumstances(now=NOW, deadline=deadline, uncovered=Uncovered.ALLOW, patience=UNHURRIED)
    await decide(workload(), snapshot=snapshot(policy(mode=mode)), gather=registry, circumstances=circumstances)
    assert registry.requests[0].deadline == deadline


async def test_keys_that_policies_bring_along_serve_only_what_those_policies_are_about() -> None:
    mine, theirs = f"{INLINE_PREFIX}sha256:mine", f"{INLINE_PREFIX}sha256:theirs"

    def signed(name: str, namespace: str, root: str) -> Policy:
        entry = KeyMatcher(trust_root=root, key="sha256:k", label="k")
        required = SignatureRequirement(signers=(entry,), threshold=1, match_repository=False)
        return policy(name, namespace=namespace, build=None, required=(required,))

    registry = Registry()
    members = snapshot(
        policy(), signed("a", "shop", mine), signed("b", "elsewhere", theirs), roots=("acme", mine, theirs)
    )
    await decided(workload(namespace="shop"), members, registry)
    assert set(registry.requests[0].roots.roots) == {"acme", mine}


CHILD = Digest.of(b"a child")


def index(*statements: VerifiedStatement, gaps: tuple[Gap, ...] = ()) -> Evidence:
    return Evidence(digest=D, statements=statements, unread=(CHILD,), gaps=gaps)


@pytest.mark.case("IDX-013")
async def test_children_are_not_asked_for_where_the_index_satisfies() -> None:
    registry = Registry(answer=lambda _request: index(provenance()))
    assert (await decided(workload(), snapshot(policy()), registry)).allowed
    assert [request.children for request in registry.requests] == [False]


@pytest.mark.parametrize("gap", [(), (Gap(reason=Reason.RegistryUnavailable, detail="HTTP 500"),)])
async def test_children_are_asked_for_where_the_index_does_not_satisfy(gap: tuple[Gap, ...]) -> None:
    registry = Registry(answer=lambda _request: index(gaps=gap))
    assert not (await decided(workload(), snapshot(policy()), registry)).allowed
    assert [request.children for request in registry.requests] == [False, True]


async def test_what_does_not_satisfy_is_looked_at_again_as_it_is_now() -> None:
    registry = Registry(answer=lambda request: evidence(*((provenance(),) if request.max_age <= 30 else ())))
    assert (await decided(workload(), snapshot(policy()), registry)).allowed
    assert [request.max_age for request in registry.requests] == [float("inf"), 30]


async def test_what_a_stale_root_hides_keeps_nobody_from_looking_at_the_registry_again() -> None:
    stale = Gap(reason=Reason.TrustRootStale, detail="TrustRoot acme is too old", roots=("acme",))
    registry = Registry(answer=lambda _request: evidence(gaps=(stale,)))
    assert (await decided(workload(), snapshot(policy()), registry)).code == 503
    assert [request.max_age for request in registry.requests] == [float("inf"), 30]


async def test_what_is_unknown_is_not_asked_for_twice() -> None:
    unknown = Gap(reason=Reason.RegistryUnavailable, detail="HTTP 500")
    registry = Registry(answer=lambda _request: evidence(gaps=(unknown,)))
    assert (await decided(workload(), snapshot(policy()), registry)).code == 503
    assert len(registry.requests) == 1


@pytest.mark.case("CACHE-001")
async def test_the_digest_of_a_tag_counts_for_the_whole_review() -> None:
    registry = Registry(answer=lambda _request: index())
    members = snapshot(policy(tags=Tags.ALLOW))
    await decided(workload("ghcr.io/acme/shop:v1"), members, registry)
    assert [request.reference.digest for request in registry.requests] == [None, D]


async def test_gathering_may_go_on_for_the_report_when_an_audit_has_no_more_patience() -> None:
    registry = Registry()
    started = asyncio.get_running_loop().time()
    await decided(workload(), snapshot(policy(mode=Mode.AUDIT)), registry)
    (request,) = registry.requests
    assert request.until is not None
    assert (request.deadline - started, request.until - started) == pytest.approx((0.5, 10), abs=1.0)
