"""Judging provenance: one statement must show everything that is asked of level, builder, source and build.

Fields are never merged from several statements or builders (SET-001). What is told in the end is the closest try:
the one that met most of the steps in their order.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from controller.core.answer import Answer, Captures, Capturing, Miss, nothing_verified
from controller.core.conditions import age_miss, condition_miss
from controller.core.demand import Demand
from controller.core.dependencies import dependency_miss
from controller.core.evidence import Evidence, Kind
from controller.core.expectation import Found, source_miss
from controller.core.parameters import parameter_miss
from controller.core.question import Question
from controller.core.reasons import Reason
from controller.core.slsa import UNKNOWN_PAIR_LEVEL
from controller.core.sourcelevel import source_level_miss
from controller.core.step import Step
from controller.core.testimony import Testimony, Voice
from controller.core.text import printable
from controller.core.tried import Try

_NOBODY_VOUCHES = (Reason.NotVerified, Reason.BuilderNotTrusted)


def tries(demand: Demand, evidence: Evidence, question: Question, captures: Capturing) -> Iterator[Try]:
    """Every statement of this evidence, by the word of every builder that speaks for it, in their order."""
    made = partial(_first_tries, demand, evidence, question, captures)
    first = question.recall.once(evidence, demand, question.reference.repository, made)
    if not demand.varies:
        yield from first
        return
    for one in first:
        yield one if one.miss is not None or one.voice is None else _further(one, one.voice, question)


def judge_provenance(demand: Demand, evidence: Evidence, question: Question, captures: Capturing) -> Answer:
    """Whether any one provenance statement of this evidence meets the whole demand; if none does, the closest one's
    reason; TrustRootMissing where only builders spoke that could be asked, and there are others. Knows nothing of
    summaries, children and gaps."""
    closest: Try | None = None
    for one in tries(demand, evidence, question, captures):
        if closest is None or one.step > closest.step:  # the first of equals: statements stand in order of digest
            closest = one
        if one.miss is None:
            break
    if closest is None:
        detail = "no provenance about this digest was found"
        found = nothing_verified(evidence, Kind.PROVENANCE, Reason.NoProvenance, detail)
        return _asked_of_all(demand, found, question)
    return _asked_of_all(demand, closest.answer, question)


def _asked_of_all(demand: Demand, answer: Answer, question: Question) -> Answer:
    """Nobody vouches for what there is. Where a builder's trust root is missing or broken, that is ignorance: it
    might. A policy that names its builders is broken itself when one of them is, and needs no others."""
    if demand.builders is not None or not question.unrooted or answer.reason not in _NOBODY_VOUCHES:
        return answer
    detail = f"{question.unrooted[0]}; of the other builders: {answer.detail}"
    return replace(answer, reason=Reason.TrustRootMissing, detail=detail, requirements=())


def _first_tries(demand: Demand, evidence: Evidence, question: Question, captures: Capturing) -> tuple[Try, ...]:
    """How far the statements come by what never changes: they, their builders and the demand."""
    found = captures()
    return tuple(one for testimony in question.heard(evidence) for one in _tries(demand, testimony, found))


def _tries(demand: Demand, testimony: Testimony, captures: Captures) -> Iterator[Try]:
    if testimony.contradiction is not None:
        miss = Miss(reason=Reason.BuilderNotTrusted, detail=testimony.contradiction)
        yield Try(demand=demand, testimony=testimony, step=Step.BUILDER, miss=miss)
        return
    if testimony.statement.signer is None and demand.expects_builder:
        yield Try(demand=demand, testimony=testimony, step=Step.VERIFIED, miss=_unauthenticated(demand))
        return
    if not testimony.voices and not demand.expects_builder:
        note = "" if testimony.statement.signer else "unauthenticated: nobody signed this provenance"
        yield Try(demand=demand, testimony=testimony, step=Step.MET, note=note)
        return
    allowed = [one for one in testimony.voices if demand.builders is None or one.builder.name in demand.builders]
    if not allowed:
        yield Try(demand=demand, testimony=testimony, step=Step.BUILDER, miss=_no_builder(demand, testimony))
    for voice in allowed:
        found = _first_miss(demand, testimony, voice, captures)
        if found is None:
            yield Try(demand=demand, testimony=testimony, step=Step.MET, voice=voice)
        else:
            yield Try(demand=demand, testimony=testimony, step=found[0], miss=found[1], voice=voice)


def _first_miss(demand: Demand, testimony: Testimony, voice: Voice, captures: Captures) -> Found | None:
    """The steps in their order; a later one is only asked when all before it are met."""
    return (
        _level_miss(demand, voice)
        or _build_type_miss(demand, testimony)
        or source_miss(demand.sources, voice, captures)
        or _parameter_miss(demand, testimony)
    )


def _further(one: Try, voice: Voice, question: Question) -> Try:
    """The try with the steps that the time, the workload and other images decide, too."""
    demand, testimony = one.demand, one.testimony
    found = (
        _at(Step.AGE, age_miss(demand.max_age, testimony.statement.signed_at, question.season))
        or _condition_miss(demand, testimony, question)
        or _dependency_miss(demand, testimony, voice, question)
        or _source_level_miss(demand, voice, question)
    )
    return one if found is None else replace(one, step=found[0], miss=found[1])


def _at(step: Step, miss: Miss | None) -> Found | None:
    return None if miss is None else (step, miss)


def _level_miss(demand: Demand, voice: Voice) -> Found | None:
    if demand.level is None or voice.builder.max_level >= demand.level:
        return None
    detail = f"built at Build level {voice.builder.max_level} by {voice.builder.name}, level {demand.level} is asked"
    return Step.LEVEL, Miss(reason=Reason.LevelTooLow, detail=detail)


def _build_type_miss(demand: Demand, testimony: Testimony) -> Found | None:
    build_type = testimony.provenance.build_type
    if demand.types is None or build_type in demand.types:
        return None
    asked = " or ".join(sorted(demand.types)) or "none that all parts of the policy allow"
    detail = f"the build type is {printable(build_type)}, expected {printable(asked)}"
    return Step.BUILD_TYPE, Miss(reason=Reason.BuildTypeNotAllowed, detail=detail)


def _parameter_miss(demand: Demand, testimony: Testimony) -> Found | None:
    if not demand.parameters:
        return None
    if not testimony.provenance.parameters_complete:
        detail = "parameters are not complete: the provenance says that there may have been others"
        return _at(Step.PARAMETERS, Miss(reason=Reason.ParameterNotAllowed, detail=detail))
    missed = (parameter_miss(allowed, testimony.provenance.external_parameters) for allowed in demand.parameters)
    return _at(Step.PARAMETERS, next((miss for miss in missed if miss is not None), None))


def _condition_miss(demand: Demand, testimony: Testimony, question: Question) -> Found | None:
    if not demand.conditions:
        return None
    return _at(Step.CONDITIONS, condition_miss(demand.conditions, testimony.statement, question))


def _dependency_miss(demand: Demand, testimony: Testimony, voice: Voice, question: Question) -> Found | None:
    if not demand.dependencies:
        return None
    missed = (dependency_miss(asked, testimony.provenance, voice.builder, question) for asked in demand.dependencies)
    return _at(Step.DEPENDENCIES, next((miss for miss in missed if miss is not None), None))


def _source_level_miss(demand: Demand, voice: Voice, question: Question) -> Found | None:
    if not demand.source_levels:
        return None
    summaries, season = question.source_summaries, question.season
    missed = (source_level_miss(asked, voice, summaries, season) for asked in demand.source_levels)
    return _at(Step.SOURCE_LEVEL, next((miss for miss in missed if miss is not None), None))


def _unauthenticated(demand: Demand) -> Miss:
    """Nobody signed it: whoever can push can write it, so it is worth level 1 and meets no expectation (SIGN-001)."""
    above = demand.level is not None and demand.level > UNKNOWN_PAIR_LEVEL
    reason = Reason.LevelTooLow if above else Reason.BuilderNotTrusted
    detail = "unauthenticated: nobody signed this provenance, which is worth Build level 1 and no more"
    return Miss(reason=reason, detail=detail)


def _no_builder(demand: Demand, testimony: Testimony) -> Miss:
    if testimony.voices:
        names = ", ".join(voice.builder.name for voice in testimony.voices)
        asked = ", ".join(sorted(demand.builders or ())) or "none that all its parts allow"
        return Miss(reason=Reason.BuilderNotTrusted, detail=f"built by {names}, the policy allows {asked}")
    return Miss(reason=Reason.BuilderNotTrusted, detail=testimony.unspoken)
