"""Provenance as it stands before the policies: each statement with the builders that speak for it.

The same for every policy, so it is made once for an image.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from controller.core.certified import certified_source, contradiction
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.provenance import Provenance, SourceClaim
from controller.core.slsa import UNKNOWN_PAIR_LEVEL, Objection, TrustedBuilder
from controller.core.text import printable
from controller.core.verdict import Proven


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A builder that speaks for a statement, the source by the word that counts with it (None if nobody's does), and
    what that proves."""

    builder: TrustedBuilder
    source: SourceClaim | None
    proven: Proven


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """One provenance statement. `voices` stand with the highest level first, then by name (SIGN-023).

    `proven` is what it shows by itself. `contradiction` says where predicate and certificate disagree: then nobody
    speaks for it, and it is worth nothing. `unspoken` says that nobody does, and why. Texts are fit to
    print.
    """

    statement: VerifiedStatement
    provenance: Provenance
    voices: tuple[Voice, ...]
    proven: Proven
    contradiction: str | None = None
    unspoken: str = ""


def testimonies(evidence: Evidence, builders: Iterable[TrustedBuilder]) -> tuple[Testimony, ...]:
    """The provenance in this evidence, in its order; `builders` stand in the order that voices shall have."""
    known = tuple(builders)
    return tuple(
        _testimony(statement, statement.provenance, known)
        for statement in evidence.statements
        if statement.kind is Kind.PROVENANCE and statement.provenance is not None
    )


def _testimony(statement: VerifiedStatement, provenance: Provenance, builders: tuple[TrustedBuilder, ...]) -> Testimony:
    certified = certified_source(statement.signer)
    contradicted = contradiction(statement, certified)
    plain = _proven(statement, provenance, certified or provenance.source)
    if statement.signer is None or contradicted is not None:
        return Testimony(
            statement=statement, provenance=provenance, voices=(), proven=plain, contradiction=contradicted
        )
    objections = [(builder, builder.objection(statement, certified)) for builder in builders]
    voices = tuple(
        _voice(builder, builder.source_of(statement, certified), plain)
        for builder, objection in objections
        if objection is None
    )
    unspoken = "" if voices else _unspoken(provenance, plain, objections)
    return Testimony(statement=statement, provenance=provenance, voices=voices, proven=plain, unspoken=unspoken)


def _voice(builder: TrustedBuilder, source: SourceClaim | None, plain: Proven) -> Voice:
    proven = replace(plain, level=builder.max_level, builders=(builder.name,))
    return Voice(builder=builder, source=source, proven=proven)


def _proven(statement: VerifiedStatement, provenance: Provenance, source: SourceClaim) -> Proven:
    """What it shows before any builder speaks for it: level 1, and what it says of itself."""
    return Proven(
        level=UNKNOWN_PAIR_LEVEL,
        builder_id=printable(provenance.builder_id),
        source=printable(source.repository) if source.repository else None,
        ref=printable(source.ref) if source.ref else None,
        commit=printable(source.commit) if source.commit else None,
        signer=printable(str(statement.signer)) if statement.signer else "nobody",
        signed_at=statement.signed_at,
    )


def _unspoken(
    provenance: Provenance, plain: Proven, objections: Iterable[tuple[TrustedBuilder, Objection | None]]
) -> str:
    """Nobody speaks for it, and what kept the builder that came closest, if any knows the signer."""
    told = (
        f"no TrustedBuilder speaks for {plain.signer} with builder.id {plain.builder_id}"
        f" and build type {printable(provenance.build_type)}"
    )
    known = [(builder, objection) for builder, objection in objections if objection is not None and objection.at]
    if not known:
        return told
    builder, objection = max(known, key=lambda one: one[1].at)
    return f"{told} ({builder.name} knows the signer, but: {printable(objection.detail)})"
