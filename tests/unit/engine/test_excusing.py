"""What an exception excuses of a whole decision, where several policies are about one image."""

import asyncio

import pytest

from controller.core.evidence import Evidence, Gap
from controller.core.match import Match
from controller.core.policy import Mode, Policy, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.reasons import Reason
from controller.core.selector import Operator, Requirement, Selector
from controller.core.verdict import Verdict
from controller.core.workload import Workload
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.gathering import GatherRequest
from controller.engine.policies import Snapshot
from controller.trust.root import TrustRoots
from tests.support.facts import NOW, OTHER, D, builder, evidence, policy, provenance, workload
from tests.unit.core.test_exempting import TAGGED, exception

AUDIT = policy("audit", mode=Mode.AUDIT, tags=Tags.ALLOW)
DENYING = frozenset({D})


async def decided(pod: Workload, *members: Policy, only: bool = False, found: Evidence | None = None) -> Verdict:
    """Under an exception for `production`: of the whole repository, or of it `only` the digest D."""
    excuse = exception(digest=D if only else None)
    known = PolicySet(policies=members, builders={"reusable": builder()}, exceptions=(excuse,))
    at = Circumstances(now=NOW, deadline=asyncio.get_running_loop().time() + 10, uncovered=Uncovered.ALLOW)

    async def gather(_request: GatherRequest) -> Evidence:
        return evidence(provenance()) if found is None else found

    snapshot = Snapshot(policies=known, roots=TrustRoots(), problems={})
    return await decide(pod, snapshot=snapshot, gather=gather, circumstances=at)


@pytest.mark.case("EXC-013")
@pytest.mark.parametrize("tags", [Tags.PIN, Tags.DENY])
async def test_a_denied_digest_that_another_policy_looked_up_is_not_excused_behind_its_tag(tags: Tags) -> None:
    denying = policy(deny=DENYING, tags=tags)
    assert not (await decided(workload(TAGGED), denying, AUDIT)).allowed
    assert not (await decided(workload(TAGGED), denying)).allowed


@pytest.mark.case("EXC-013")
async def test_a_denied_digest_is_not_excused_where_it_is_not_known_whether_the_policy_applies() -> None:
    selector = Selector((Requirement(key="tier", operator=Operator.EXISTS),))
    scoped = policy(match=Match(namespace_selector=selector), deny=DENYING)
    verdict = await decided(workload(namespace_known=False), scoped)
    assert [finding.reason for finding in verdict.findings if finding.refuses] == [Reason.PoliciesNotSynced]


@pytest.mark.case("EXC-012")
@pytest.mark.parametrize("tags", [Tags.PIN, Tags.DENY])
async def test_an_exception_for_a_digest_excuses_no_tag_whatever_an_audit_finds_out(tags: Tags) -> None:
    asked = policy(tags=tags)
    verdicts = [await decided(workload(TAGGED), *members, only=True) for members in ((asked,), (asked, AUDIT))]
    assert [verdict.allowed for verdict in verdicts] == [False, False]
    assert (await decided(workload(TAGGED), asked, AUDIT)).allowed


async def test_an_exception_for_a_digest_excuses_it_although_an_audit_does_not_find_it() -> None:
    selector = Selector((Requirement(key="tier", operator=Operator.EXISTS),))
    scoped = policy(match=Match(namespace_selector=selector))
    pod, absent = workload(namespace_known=False), Evidence(digest=None, found=False)
    assert (await decided(pod, scoped, only=True)).allowed
    assert (await decided(pod, scoped, AUDIT, only=True, found=absent)).allowed


@pytest.mark.case("EXC-013")
async def test_what_may_consist_of_a_denied_digest_is_not_excused_and_what_does_is_denied() -> None:
    denying = policy(deny=frozenset({OTHER}))
    down = Gap(reason=Reason.RegistryUnavailable, detail="503")
    for found in (Evidence(digest=D, gaps=(down,), unlisted=down), Evidence(digest=D, unread=(OTHER,))):
        assert not (await decided(workload(), denying, found=found)).allowed
        assert (await decided(workload(), policy(), found=found)).allowed
    assert (await decided(workload(), denying, found=evidence())).allowed
