"""Every call x every fault, between the real client and a real registry, up to the verdict of an enforcing policy.

Whatever goes wrong: an image is admitted only where what was read proves it nevertheless, no error of a library leaves
the decision, and it is there by the deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.evidence import Gatherer
from controller.registry.client import MAX_PAGES, RegistryClient
from controller.wire.registries import parse_registries
from tests.support.facts import workload
from tests.support.faultproxy import FaultProxy
from tests.support.proxyfaults import HARMLESS, SLOW, Fault
from tests.support.registries import Registry
from tests.support.scenes import CALLS, Scene, Studio

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DEADLINE_SECONDS = 1.5
LATE_SECONDS = 3.5  # likewise, where what is at hand has to be proven before; a single read ends after 4 by itself
PATIENT_SECONDS = 30.0  # where the image must be admitted, and the machine may be busy
SLACK_SECONDS = 30.0  # of the same machine, after the deadline; the reason tells what ended it
AT_ONCE = 8

NEXT_PAGES = frozenset({Fault.NEXT_ELSEWHERE, Fault.NEXT_FOR_EVER})
BLOBS = frozenset({"blob", "att blob", "sig blob", "statement"})
OLD = frozenset({Fault.BAD_REQUEST, Fault.METHOD_NOT_ALLOWED, Fault.NOT_ACCEPTABLE})  # than the referrers API
LISTS = frozenset({"referrers", "child's referrers", "elsewhere"})
MAY_BE_ABSENT = LISTS | {"image", "child", "tag", "fallback", "sig", "att"}


def is_right_to_admit(call: str, fault: Fault) -> bool:
    """What leaves the truth alone. A blob has no type of its own; only lists have a next page, and one that can't be
    had takes nothing from what stood on the first, which is proven by itself."""
    untyped = fault is Fault.LYING_TYPE and call in BLOBS
    return fault in HARMLESS or fault in NEXT_PAGES or untyped


def is_a_fact(call: str, fault: Fault) -> bool:
    """What a client must take for the registry's word: it is not there. And a manifest that calls itself something
    else is none: it explains a refusal, and nothing is missing."""
    absent = fault is Fault.NOT_FOUND and call in MAY_BE_ABSENT
    unsupported = fault in OLD and call in LISTS
    return absent or unsupported or (fault is Fault.LYING_TYPE and call in {"bundle", "listed in the index"})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one combination."""

    fault: Fault | None
    verdict: Verdict
    seconds: float
    asked: int

    @property
    def reasons(self) -> set[Reason]:
        return {finding.reason for finding in self.verdict.findings}

    def __str__(self) -> str:
        name = self.fault.name if self.fault else "no fault"
        details = [f"{finding.reason.name}: {finding.detail}" for finding in self.verdict.findings]
        return f"{name}: {self.verdict.code} after {self.seconds:.1f} s, {details}"


@pytest.fixture(scope="module")
def studio(referrers_registry: Registry) -> Studio:
    return Studio(referrers_registry)


async def all_decided(
    studio: Studio,
    scene: Scene,
    faults: Iterable[Fault | None],
    executor: Executor,
    *,
    seconds: float = DEADLINE_SECONDS,
) -> list[Outcome]:
    """A decision for each fault, through a proxy of its own; some at a time, so that none waits for the machine."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        proxies = {fault: FaultProxy(studio.registry.host) for fault in faults}
        for fault, proxy in proxies.items():
            await stack.enter_async_context(proxy.running())
            proxy.paths |= {scene.path: fault} if fault else {}
            proxy.paged = scene.paged
        registries = parse_registries([scene.entry(proxy.host) for proxy in proxies.values()])
        client = await stack.enter_async_context(RegistryClient(registries, named_hosts=frozenset))
        gather = Gatherer(registry=client, executor=executor, evidence_repository=registries.evidence_repository)

        async def one(fault: Fault | None, proxy: FaultProxy) -> Outcome:
            async with slots:
                started, deadline = time.monotonic(), asyncio.get_running_loop().time() + seconds
                verdict = await decide(
                    workload(f"{proxy.host}/{scene.image}"),
                    snapshot=scene.snapshot,
                    gather=gather,
                    circumstances=Circumstances(now=NOW, deadline=deadline, uncovered=Uncovered.ALLOW),
                )
                took = time.monotonic() - started
            return Outcome(fault=fault, verdict=verdict, seconds=took, asked=len(proxy.requests))

        return await asyncio.gather(*(one(fault, proxy) for fault, proxy in proxies.items()))


@pytest.mark.parametrize("call", CALLS)
async def test_without_a_fault_the_image_is_admitted(studio: Studio, executor: Executor, call: str) -> None:
    (outcome,) = await all_decided(studio, studio.scene(call), [None], executor, seconds=PATIENT_SECONDS)
    assert outcome.verdict.allowed, str(outcome)
    assert outcome.reasons == {Reason.Satisfied}


@pytest.mark.slow
@pytest.mark.case("REG-006")
@pytest.mark.case("REG-007")
@pytest.mark.case("REG-008")
@pytest.mark.case("NET-001")
@pytest.mark.case("NET-003")
@pytest.mark.case("NET-005")
@pytest.mark.case("NET-010")
@pytest.mark.case("PARSE-006")
@pytest.mark.case("PARSE-008")
@pytest.mark.parametrize("call", CALLS)
async def test_what_was_not_proven_is_never_admitted_whatever_goes_wrong(
    studio: Studio, executor: Executor, call: str
) -> None:
    """Facts are waited for: on a busy machine one that comes late is ignorance, as it should be."""
    faults = [fault for fault in Fault if not is_right_to_admit(call, fault)]
    facts = [fault for fault in faults if is_a_fact(call, fault)]
    unknown = [fault for fault in faults if fault not in facts]
    tasks, scene = asyncio.all_tasks(), studio.scene(call)
    outcomes = await all_decided(studio, scene, unknown, executor)
    assert [str(one) for one in outcomes if one.verdict.code != 503] == []
    assert [str(one) for one in outcomes if one.seconds > DEADLINE_SECONDS + SLACK_SECONDS] == []
    assert [str(one) for one in outcomes if one.fault in SLOW and Reason.DeadlineExceeded not in one.reasons] == []
    known = await all_decided(studio, scene, facts, executor, seconds=PATIENT_SECONDS)
    assert [str(one) for one in known if one.verdict.code != 403] == []
    assert [str(one) for one in (*outcomes, *known) if one.verdict.allowed] == []
    assert not any(Reason.InternalError in one.reasons for one in (*outcomes, *known))
    assert asyncio.all_tasks() <= tasks


@pytest.mark.case("BIND-015")
@pytest.mark.parametrize("call", CALLS)
async def test_what_leaves_the_truth_alone_is_no_reason_to_refuse(
    studio: Studio, executor: Executor, call: str
) -> None:
    faults = [fault for fault in Fault if is_right_to_admit(call, fault)]
    outcomes = await all_decided(studio, studio.scene(call), faults, executor, seconds=PATIENT_SECONDS)
    assert [str(one) for one in outcomes if not one.verdict.allowed] == []


@pytest.mark.slow
@pytest.mark.case("SET-011")
@pytest.mark.parametrize("call", ["referrers", "bundle", "blob"])
async def test_whatever_goes_wrong_in_one_place_takes_nothing_from_another(
    studio: Studio, executor: Executor, call: str
) -> None:
    """Slow faults by themselves: they end at the deadline, before which the machine must be free to prove the rest."""
    scene = studio.scene(call, besides="att")
    soon = [fault for fault in Fault if fault not in SLOW]
    outcomes = await all_decided(studio, scene, soon, executor, seconds=PATIENT_SECONDS)
    late = await all_decided(studio, scene, SLOW, executor, seconds=LATE_SECONDS)
    assert [str(one) for one in (*outcomes, *late) if not one.verdict.allowed] == []
    assert [str(one) for one in late if one.seconds > LATE_SECONDS + SLACK_SECONDS] == []


async def test_a_list_whose_pages_never_end_is_bounded(studio: Studio, executor: Executor) -> None:
    faults = [None, Fault.NEXT_FOR_EVER]
    outcomes = await all_decided(studio, studio.scene("referrers"), faults, executor, seconds=PATIENT_SECONDS)
    plain, for_ever = (one.asked for one in outcomes)
    assert for_ever - plain == MAX_PAGES - 1
