"""Judging other attestations: a statement of exactly one predicate type, by an accepted signer."""

from controller.core.answer import Answer, Miss, ignorance
from controller.core.conditions import age_miss, condition_miss
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.matchers import accepted, roots_of
from controller.core.question import Question
from controller.core.reasons import Reason
from controller.core.requirements import AttestationRequirement
from controller.core.text import printable
from controller.core.verdict import Proven

_FOUND, _TIMED, _YOUNG, _MET = range(1, 5)


def judge_attestation(requirement: AttestationRequirement, evidence: Evidence, question: Question) -> Answer:
    """Whether any statement meets it or, with `newest`, every one of those that were signed last.

    With `newest` ignorance refuses even beside a good statement: what is not known could be newer, and worse. So does
    a statement without a verified time, which may be the newest.
    """
    found = [one for one in evidence.statements if one.predicate_type == requirement.predicate_type and one.subject]
    by_named = [statement for statement in found if accepted(requirement.signers, statement)]
    if not by_named:
        return _absent(requirement, found, evidence)
    if not requirement.newest:
        answers = [_judge(requirement, statement, question) for statement in by_named]
        return max(answers, key=lambda answer: answer.closeness)  # the first of equals
    gaps = evidence.gaps_under(roots_of(requirement.signers))
    if gaps:
        return ignorance(gaps[0])
    answers = [_judge(requirement, statement, question) for statement in _newest(by_named)]
    return min(answers, key=lambda answer: answer.closeness)


def _newest(statements: list[VerifiedStatement]) -> list[VerifiedStatement]:
    """Those signed last, by the earliest of each one's times: whoever has an old statement can have it timestamped
    again. Those without any time, if there are some, for nobody knows how new they are."""
    untimed = [statement for statement in statements if statement.signed_at is None]
    times = [statement.signed_at for statement in statements if statement.signed_at is not None]
    return untimed or [statement for statement in statements if statement.signed_at == max(times)]


def _judge(requirement: AttestationRequirement, statement: VerifiedStatement, question: Question) -> Answer:
    if requirement.newest and statement.signed_at is None:
        detail = "it shows no verified signing time, and the newest is asked"
        return _answer(statement, _FOUND, Miss(reason=Reason.NoSigningTime, detail=detail))
    old = age_miss(requirement.max_age, statement.signed_at, question.season)
    if old is not None:
        return _answer(statement, _TIMED, old)
    false = condition_miss(requirement.conditions, statement, question)
    return _answer(statement, _YOUNG if false else _MET, false)


def _answer(statement: VerifiedStatement, closeness: int, miss: Miss | None) -> Answer:
    proven = Proven(signer=printable(str(statement.signer)), signed_at=statement.signed_at)
    if miss is None:
        return Answer(reason=Reason.Satisfied, closeness=closeness, proven=proven)
    detail = f"{printable(statement.predicate_type)}: {miss.detail}"
    return Answer(reason=miss.reason, detail=detail, closeness=closeness, proven=proven)


def _absent(requirement: AttestationRequirement, found: list[VerifiedStatement], evidence: Evidence) -> Answer:
    """Always NoAttestation: what was refused, or is by somebody else, is none (SUM-022, SUM-023)."""
    asked = printable(", ".join(sorted(str(signer) for signer in requirement.signers)))
    wanted = printable(requirement.predicate_type)
    if found:
        by = printable(", ".join(sorted({str(one.signer) if one.signer else "nobody" for one in found})))
        return Answer(reason=Reason.NoAttestation, detail=f"{wanted} is by {by}; one by {asked} is asked", closeness=0)
    refused = next((one.detail for one in evidence.refused if one.kind in (Kind.OTHER, None)), "")
    beside = f"; something that was found does not hold: {refused}" if refused else ""
    return Answer(reason=Reason.NoAttestation, detail=f"no {wanted} by {asked} was found{beside}")
