"""Judging provenance: one statement must show everything that is asked of level, builder and source.

Fields are never merged from several statements or builders (SET-001). What is told in the end is the closest try:
the one that met most of the requirements in their order.
"""

from collections.abc import Iterable, Iterator, Mapping

from controller.core.answer import Answer, Captures, nothing_verified
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.provenance import Provenance
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement, SourceRequirement
from controller.core.slsa import UNKNOWN_PAIR_LEVEL, SourceFrom, TrustedBuilder, speaking
from controller.core.text import printable
from controller.core.verdict import Proven

# How far a try came. Higher is closer.
_UNAUTHENTICATED, _SUBJECT, _BUILDER, _LEVEL, _REPOSITORY, _SATISFIED = range(1, 7)


def judge_build(
    requirement: BuildRequirement,
    evidence: Evidence,
    builders: Mapping[str, TrustedBuilder],
    captures: Captures,
) -> Answer:
    """Whether any one provenance statement meets the whole requirement; if none does, the closest one's reason."""
    tries = [
        answer
        for statement in evidence.statements
        if statement.kind is Kind.PROVENANCE and statement.provenance is not None
        for answer in _tries(requirement, statement, statement.provenance, builders, captures)
    ]
    if not tries:
        return nothing_verified(
            evidence, Kind.PROVENANCE, Reason.NoProvenance, "no provenance about this digest was found"
        )
    return max(tries, key=lambda answer: answer.closeness)  # the first of equals: statements stand in order of digest


def _tries(
    requirement: BuildRequirement,
    statement: VerifiedStatement,
    provenance: Provenance,
    builders: Mapping[str, TrustedBuilder],
    captures: Captures,
) -> Iterator[Answer]:
    if statement.signer is None and requirement.expects_builder:
        yield _unauthenticated(requirement, statement, provenance)
        return
    spoken_for = speaking(builders.values(), statement)
    if not spoken_for and not requirement.expects_builder:
        detail = "" if statement.signer else "unauthenticated: nobody signed this provenance"
        yield _answer(Reason.Satisfied, _SATISFIED, statement, provenance, (), detail)
        return
    allowed = tuple(b for b in spoken_for if requirement.builders is None or b.name in requirement.builders)
    if not allowed:
        yield _no_builder(requirement, statement, provenance, spoken_for)
    for builder in allowed:
        yield _with_builder(requirement, statement, provenance, builder, allowed, captures)


def _unauthenticated(requirement: BuildRequirement, statement: VerifiedStatement, provenance: Provenance) -> Answer:
    """Nobody signed it: whoever can push can write it, so it is worth level 1 and meets no expectation (SIGN-001)."""
    above = requirement.level is not None and requirement.level > UNKNOWN_PAIR_LEVEL
    reason = Reason.LevelTooLow if above else Reason.BuilderNotTrusted
    detail = "unauthenticated: nobody signed this provenance, which is worth Build level 1 and no more"
    return _answer(reason, _UNAUTHENTICATED, statement, provenance, (), detail)


def _with_builder(
    requirement: BuildRequirement,
    statement: VerifiedStatement,
    provenance: Provenance,
    builder: TrustedBuilder,
    allowed: tuple[TrustedBuilder, ...],
    captures: Captures,
) -> Answer:
    level = requirement.level or UNKNOWN_PAIR_LEVEL
    sufficient = tuple(b for b in allowed if b.max_level >= level)
    if builder not in sufficient:
        detail = f"built at Build level {builder.max_level} by {builder.name}, level {requirement.level} is asked"
        return _answer(Reason.LevelTooLow, _BUILDER, statement, provenance, (builder,), detail)
    if requirement.sources:
        if builder.source_from is not SourceFrom.PROVENANCE:
            detail = f"builder {builder.name} lets only a certificate tell the source, and a key has none"
            return _answer(Reason.BuilderNotTrusted, _LEVEL, statement, provenance, (builder,), detail)
        closeness, reason, detail = _best_source(requirement.sources, provenance, captures)
        if reason is not Reason.Satisfied:
            return _answer(reason, closeness, statement, provenance, (builder,), detail)
    return _answer(Reason.Satisfied, _SATISFIED, statement, provenance, sufficient)


def _best_source(
    sources: Iterable[SourceRequirement], provenance: Provenance, captures: Captures
) -> tuple[int, Reason, str]:
    """The closest of the alternatives; each must hold as a whole (SRC-037)."""
    return max((_source(source, provenance, captures) for source in sources), key=lambda found: found[0])


def _source(source: SourceRequirement, provenance: Provenance, captures: Captures) -> tuple[int, Reason, str]:
    claim = provenance.source
    if claim.repository is None:
        return _LEVEL, Reason.SourceMismatch, "the provenance names no source repository that can be compared"
    repository = claim.repository
    if not any(template.accepts(repository, found) for template in source.repositories for found in captures):
        expected = sorted({template.expected(found) for template in source.repositories for found in captures})
        detail = f"built from {printable(repository)}, expected {printable(' or '.join(expected))}"
        return _LEVEL, Reason.SourceMismatch, detail
    if source.refs and not any(ref.matches(claim.ref or "") for ref in source.refs):
        allowed = " or ".join(str(ref) for ref in source.refs)
        detail = f"built from ref {printable(claim.ref or '(none)')}, expected {printable(allowed)}"
        return _REPOSITORY, Reason.RefNotAllowed, detail
    return _SATISFIED, Reason.Satisfied, ""


def _no_builder(
    requirement: BuildRequirement,
    statement: VerifiedStatement,
    provenance: Provenance,
    spoken_for: tuple[TrustedBuilder, ...],
) -> Answer:
    if spoken_for:
        names = ", ".join(builder.name for builder in spoken_for)
        asked = ", ".join(sorted(requirement.builders or ()))
        detail = f"built by {names}, the policy allows {asked}"
    else:
        detail = (
            f"no TrustedBuilder speaks for {_signer(statement)} with builder.id {printable(provenance.builder_id)}"
            f" and build type {printable(provenance.build_type)}"
        )
    return _answer(Reason.BuilderNotTrusted, _SUBJECT, statement, provenance, spoken_for, detail)


def _answer(
    reason: Reason,
    closeness: int,
    statement: VerifiedStatement,
    provenance: Provenance,
    builders: tuple[TrustedBuilder, ...],
    detail: str = "",
) -> Answer:
    proven = Proven(
        level=max((builder.max_level for builder in builders), default=UNKNOWN_PAIR_LEVEL),
        builders=tuple(builder.name for builder in builders),
        builder_id=printable(provenance.builder_id),
        source=printable(provenance.source.repository) if provenance.source.repository else None,
        signer=_signer(statement),
    )
    return Answer(reason=reason, detail=detail, closeness=closeness, proven=proven)


def _signer(statement: VerifiedStatement) -> str:
    return printable(str(statement.signer)) if statement.signer else "nobody"
