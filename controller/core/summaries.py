"""Verification summaries (SLSA v1.2, VSA): what an accepted one stands in for, and why another is not accepted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from controller.core.answer import Answer, Miss
from controller.core.conditions import age_miss
from controller.core.demand import Demand
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.matchers import accepted
from controller.core.question import Question
from controller.core.reasons import Reason
from controller.core.records import MAX_CLOCK_LEAD, Summary
from controller.core.requirements import Part, SummaryAcceptance
from controller.core.step import Step
from controller.core.text import printable
from controller.core.verdict import Proven

_OWN_REPOSITORY = "{repository}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the accepted summaries of one piece of evidence stand in for, and what the best of them shows.

    `miss` is why the closest of the others is not accepted; None when there is none, or when one is accepted.
    """

    covered: frozenset[Part] = frozenset()
    proven: Proven | None = None
    miss: Answer | None = None

    def joined(self, other: "Standing") -> "Standing":
        """Both of them at one place."""
        covered = self.covered | other.covered
        miss = None if covered else _nearest(one.miss for one in (self, other))
        return Standing(covered=covered, proven=_strongest((self.proven, other.proven)), miss=miss)

    @classmethod
    def shared(cls, standings: tuple["Standing", ...]) -> "Standing":
        """What all of these have: of the proofs the weakest."""
        covered = frozenset.intersection(*(one.covered for one in standings))
        proofs = [one.proven for one in standings if one.proven is not None]
        proven = min(proofs, key=_level_of) if covered else None
        return cls(covered=covered, proven=proven, miss=_nearest(one.miss for one in standings))


def standing(
    acceptances: tuple[SummaryAcceptance, ...], demand: Demand, evidence: Evidence, question: Question
) -> Standing:
    """What stands in for parts of this demand, by all accepted summaries together.

    A summary is accepted as a whole, by one entry: one that falls short in anything it should cover covers nothing.
    """
    asked = frozenset(demand.parts)
    entries = [entry for entry in acceptances if entry.covers & asked]
    if not entries:
        return Standing()
    found = list(_judged(entries, demand, evidence, question))
    good = [proven_of(statement, entry) for statement, entry, missed in found if missed is None]
    if good:
        covered = frozenset().union(*(entry.covers for _, entry, missed in found if missed is None))
        return Standing(covered=covered & asked, proven=_strongest(good))
    return Standing(miss=_nearest(answer for _, _, answer in found) or _refused(evidence))


def _nearest(missed: Iterable[Answer | None]) -> Answer | None:
    return max((one for one in missed if one is not None), key=lambda one: one.closeness, default=None)


def _strongest(proofs: Iterable[Proven | None]) -> Proven | None:
    return max((one for one in proofs if one is not None), key=_level_of, default=None)


def _level_of(proven: Proven) -> int:
    return proven.level or 0


def _judged(
    entries: list[SummaryAcceptance], demand: Demand, evidence: Evidence, question: Question
) -> Iterator[tuple[VerifiedStatement, SummaryAcceptance, Answer | None]]:
    for statement in evidence.statements:
        if statement.kind is not Kind.SUMMARY or statement.summary is None:
            continue
        for entry in entries:
            yield statement, entry, _miss(statement, statement.summary, entry, demand, question)


def _miss(
    statement: VerifiedStatement, summary: Summary, entry: SummaryAcceptance, demand: Demand, question: Question
) -> Answer | None:
    """Why this entry does not accept it; None when it does. The level comes last, so that it is told alone."""
    missed = (
        _identity_miss(statement, summary, entry)
        or _content_miss(summary, entry, question)
        or _age_miss(statement, summary, entry, question)
        or _level_miss(summary, entry, demand)
        or _dependency_miss(summary, entry, demand)
    )
    if missed is None:
        return None
    step, miss = missed
    return Answer(reason=miss.reason, detail=miss.detail, closeness=step, proven=proven_of(statement, entry))


def _identity_miss(
    statement: VerifiedStatement, summary: Summary, entry: SummaryAcceptance
) -> tuple[Step, Miss] | None:
    if summary.verifier_id != entry.verifier_id:
        detail = f"the summary is by verifier {printable(summary.verifier_id)}, accepted is {entry.verifier_id}"
    elif not accepted(entry.signers, statement):
        detail = f"{_signer(statement)} does not sign for verifier {printable(entry.verifier_id)}"
    else:
        return None
    return Step.SUBJECT, Miss(reason=Reason.SummaryMismatch, detail=detail)


def _content_miss(summary: Summary, entry: SummaryAcceptance, question: Question) -> tuple[Step, Miss] | None:
    """What it says of result, resource (whole texts, SUM-004) and policy (SUM-009)."""
    own = str(question.reference.repository)
    if not summary.passed:
        detail = "the summary says that verification failed"
    elif summary.resource_uri not in {uri.replace(_OWN_REPOSITORY, own) for uri in entry.resource_uris}:
        detail = f"the summary is about {printable(summary.resource_uri)}"
    elif entry.policy_uris and summary.policy_uri not in entry.policy_uris:
        detail = f"the summary is by policy {printable(summary.policy_uri or '(none)')}"
    elif entry.policy_digests and entry.policy_digests.isdisjoint(_policy_digests(summary)):
        detail = "the summary is by another revision of the policy, or does not say by which"
    else:
        return None
    return Step.BUILDER, Miss(reason=Reason.SummaryMismatch, detail=detail)


def _policy_digests(summary: Summary) -> set[str]:
    return {f"{algorithm}:{value}" for algorithm, value in (summary.policy_digests or {}).items()}


def _age_miss(
    statement: VerifiedStatement, summary: Summary, entry: SummaryAcceptance, question: Question
) -> tuple[Step, Miss] | None:
    """By the verifier's own time, else by the verified signing time (SUM-008); by the earlier one where there are both:
    what was signed long ago is no younger for a later time that it names.

    A time in the future makes no age: nothing of it is accepted where an age is asked, and elsewhere what a clock may
    be ahead.
    """
    claimed, season = summary.time_verified, question.season
    lead = MAX_CLOCK_LEAD if entry.max_age is None else timedelta()
    if claimed is not None and season.is_ahead(claimed, lead):
        detail = "the summary says that it was verified in the future"
        return Step.BUILDER, Miss(reason=Reason.SummaryMismatch, detail=detail)
    times = (time for time in (claimed, statement.signed_at) if time is not None)
    miss = age_miss(entry.max_age, min(times, default=None), season)
    return None if miss is None else (Step.LEVEL, miss)


def _level_miss(summary: Summary, entry: SummaryAcceptance, demand: Demand) -> tuple[Step, Miss] | None:
    if demand.level is None or Part.BUILD_LEVEL not in entry.covers:
        return None
    level = _level(summary, entry)
    if level is None:
        detail = "the summary claims no Build level"
        return Step.BUILDER, Miss(reason=Reason.SummaryMismatch, detail=detail)
    if level < demand.level:
        detail = f"the summary is worth Build level {level}, level {demand.level} is asked"
        return Step.LEVEL, Miss(reason=Reason.LevelTooLow, detail=detail)
    return None


def _dependency_miss(summary: Summary, entry: SummaryAcceptance, demand: Demand) -> tuple[Step, Miss] | None:
    """The verifier vouches for which images they are, as an entry that covers dependencies says; it counts levels."""
    asked = max((one.level for one in demand.dependencies if one.level is not None), default=None)
    if asked is None or Part.DEPENDENCIES not in entry.covers:
        return None
    below = summary.dependencies_below(asked)
    if below is False:
        return None
    told = "does not tell the levels of dependencies" if below is None else "counts dependencies of a lower level"
    detail = f"the summary {told}, level {asked} is asked"
    return Step.DEPENDENCIES, Miss(reason=Reason.DependencyLevelTooLow, detail=detail)


def _level(summary: Summary, entry: SummaryAcceptance) -> int | None:
    claimed = summary.claimed_level("BUILD")
    return None if claimed is None else min(claimed, entry.max_level)


def proven_of(statement: VerifiedStatement, entry: SummaryAcceptance) -> Proven:
    """What an accepted summary shows: a Build level no higher than its entry believes."""
    level = _level(statement.summary, entry) if statement.summary and Part.BUILD_LEVEL in entry.covers else None
    return Proven(level=level, signer=_signer(statement), signed_at=statement.signed_at)


def _refused(evidence: Evidence) -> Answer | None:
    """A summary that was refused: of another subject, malformed, unsigned (SUM-002, SUM-024)."""
    refused = next((one for one in evidence.refused if one.kind is Kind.SUMMARY), None)
    if refused is None:
        return None
    detail = f"a verification summary does not hold: {refused.detail}"
    return Answer(reason=Reason.SummaryMismatch, detail=detail, closeness=Step.SUBJECT)


def _signer(statement: VerifiedStatement) -> str:
    return printable(str(statement.signer)) if statement.signer else "nobody"
