"""One sound policy on one image: every requirement by itself, and what is told of them together."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from controller.core.answer import Answer, Capturing
from controller.core.attestations import judge_attestation
from controller.core.demand import Alternative
from controller.core.evidence import Evidence
from controller.core.matchers import roots_of
from controller.core.origin import Origin
from controller.core.platforms import by_platforms, newest_by_platforms
from controller.core.policy import Policy
from controller.core.question import Question
from controller.core.reasons import Reason
from controller.core.requirements import AttestationRequirement, SBOMRequirement, SignatureRequirement
from controller.core.sbom import judge_sbom
from controller.core.signatures import judge_signatures
from controller.core.source import captures_of
from controller.core.text import printable
from controller.core.told import RequirementVerdict
from controller.core.verdict import Proven

ORIGIN = ""  # the parts that are judged together each have a name of their own
_PIN_INDEX = "if only an index of it is attested, pin that index"
_ABSENT = (Reason.NoProvenance, Reason.NoSignature)
_MAX_ALTERNATIVE_CHARACTERS = 300  # of four alternatives, in a message of 2 KiB


def judge_requirements(policy: Policy, question: Question) -> Answer:
    """What a policy's `require` says: the first requirement that is not met, or Satisfied with what was proven.

    A failure is told before ignorance: where the facts already don't satisfy, nothing that is unknown can. Of `anyOf`
    the alternative that came closest gives the reason.
    """
    globs, repository = policy.match.images, question.reference.repository
    captures = partial(captures_of, globs, repository)
    base = _judge(policy.base, policy, question, captures) if policy.base else Answer(reason=Reason.Satisfied)
    if not base.satisfied or not policy.alternatives:
        return _hinted(base, question)
    answers = [_judge(one, policy, question, captures) for one in policy.alternatives]
    met = next((answer for answer in answers if answer.satisfied), None)
    if met is not None:
        return _both(base, met)
    return _hinted(_nearest_misses(answers, base), question)


def _judge(alternative: Alternative, policy: Policy, question: Question, captures: Capturing) -> Answer:
    """All of its requirements, in the API's order."""
    answers = list(_answers(alternative, policy, question, captures))
    if len(answers) == 1:
        return answers[0]
    missed = [answer for answer in answers if answer.reason is not Reason.Satisfied]
    told = tuple([one for answer in answers for one in answer.requirements])
    if missed:
        first = next((answer for answer in missed if not answer.unknown), missed[0])
        return replace(first, requirements=told)
    signers = dict.fromkeys(answer.proven.signer for answer in answers if answer.proven.signer)
    proven = replace(answers[0].proven, signer="; ".join(signers) or None) if answers else Proven()
    detail = "; ".join(answer.detail for answer in answers if answer.detail)
    return Answer(reason=Reason.Satisfied, detail=detail, proven=proven, requirements=told)


def _answers(alternative: Alternative, policy: Policy, question: Question, captures: Capturing) -> Iterator[Answer]:
    """Each with its verdicts under their names in the API."""
    origin = Origin(
        demand=alternative.demand,
        rests=alternative.rests,
        acceptances=policy.accept_summaries,
        question=question,
        captures=captures,
    )
    if alternative.demand.asks:
        yield _named(alternative, ORIGIN, origin.judge())
    for number, signature in enumerate(alternative.signatures):
        yield _signature(alternative, number, signature, question)
    for sbom in alternative.sboms:
        yield _sbom(alternative, sbom, question)
    for sbom in alternative.bound_sboms:
        yield _named(alternative, "sbom", origin.judge_sbom(sbom))
    for number, attestation in enumerate(alternative.attestations):
        yield _named(alternative, f"attestations[{number}]", _attestation(attestation, question))


def _signature(alternative: Alternative, number: int, requirement: SignatureRequirement, question: Question) -> Answer:
    """Worked out once for an image and its children, and for every policy that asks the same at this place."""
    evidence, repository = question.evidence, question.reference.repository

    def make() -> Answer:
        judge = partial(judge_signatures, requirement, repository=repository)
        found = by_platforms(judge, evidence, partial(roots_of, requirement.signers))
        return _named(alternative, f"signatures[{number}]", found)

    return question.recall.once(evidence, requirement, (alternative.prefix, number, repository), make)


def _sbom(alternative: Alternative, requirement: SBOMRequirement, question: Question) -> Answer:
    """As signatures are."""

    def make() -> Answer:
        judge = partial(judge_sbom, requirement)
        found = by_platforms(judge, question.evidence, partial(roots_of, requirement.signers or ()))
        return _named(alternative, "sbom", found)

    return question.recall.once(question.evidence, requirement, alternative.prefix, make)


def _attestation(requirement: AttestationRequirement, question: Question) -> Answer:
    def judge(evidence: Evidence) -> Answer:
        return judge_attestation(requirement, evidence, question)

    judged = newest_by_platforms if requirement.newest else by_platforms
    return judged(judge, question.evidence, partial(roots_of, requirement.signers))


def _named(alternative: Alternative, name: str, answer: Answer) -> Answer:
    """The answer with its verdicts under their names in the API."""
    found = answer.requirements
    if not found:
        names = alternative.demand.names if name == ORIGIN else (name,)
        first = RequirementVerdict(name=names[0], outcome=answer.reason.outcome, detail=answer.detail)
        found = (first, *(RequirementVerdict(name=one, outcome=None) for one in names[1:]))
    if not alternative.prefix:
        return answer if found is answer.requirements else replace(answer, requirements=found)
    return replace(answer, requirements=tuple(replace(one, name=f"{alternative.prefix}{one.name}") for one in found))


def _both(base: Answer, met: Answer) -> Answer:
    """Both hold: what the base alone proved is told, if it proved anything of the origin."""
    proven = base.proven if base.proven.level is not None else met.proven
    signers = dict.fromkeys(one.proven.signer for one in (base, met) if one.proven.signer)
    return Answer(
        reason=Reason.Satisfied,
        detail="; ".join(dict.fromkeys(one.detail for one in (base, met) if one.detail)),
        proven=replace(proven, signer="; ".join(signers) or None),
        requirements=(*base.requirements, *met.requirements),
    )


def _nearest_misses(answers: list[Answer], base: Answer) -> Answer:
    """None of the alternatives holds: each one's own miss is told (SET-019). Ignorance of one is ignorance of all."""
    unknown = [answer for answer in answers if answer.unknown]
    nearest = unknown[0] if unknown else max(answers, key=lambda answer: answer.closeness)
    misses = (f"anyOf[{number}]: {answer.reason.name}, {answer.detail}" for number, answer in enumerate(answers))
    detail = "; ".join(printable(miss, limit=_MAX_ALTERNATIVE_CHARACTERS) for miss in misses)
    told = (*base.requirements, *(one for answer in answers for one in answer.requirements))
    return replace(nearest, detail=f"no alternative holds: {detail}", requirements=told)


def _hinted(answer: Answer, question: Question) -> Answer:
    """A registry does not tell which index a manifest is of: the hint is a guess, where it may help (IDX-001)."""
    evidence = question.evidence
    if answer.reason not in _ABSENT or question.reference.digest is None or evidence.children or evidence.unread:
        return answer
    return replace(answer, detail=f"{answer.detail}; {_PIN_INDEX}")
