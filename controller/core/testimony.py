"""Provenance as it stands before the policies: each statement with the builders that speak for it.

The same for every policy, so it is made once for an image.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.core.certified import contradiction
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.provenance import Provenance, SourceClaim
from controller.core.slsa import Objection, TrustedBuilder
from controller.core.text import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A builder that speaks for a statement, and the source by the word that counts with it; None if nobody's does."""

    builder: TrustedBuilder
    source: SourceClaim | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """One provenance statement. `voices` stand with the highest level first, then by name (SIGN-023).

    `contradiction` says where predicate and certificate disagree: then nobody speaks for it, and it is worth nothing.
    `unspoken` says what kept the builder that came closest; both are fit to print.
    """

    statement: VerifiedStatement
    provenance: Provenance
    voices: tuple[Voice, ...]
    contradiction: str | None = None
    unspoken: str = ""

    @property
    def signer_words(self) -> str:
        """Who signed, fit to print."""
        signer = self.statement.signer
        return printable(str(signer)) if signer else "nobody"


def testimonies(evidence: Evidence, builders: Iterable[TrustedBuilder]) -> tuple[Testimony, ...]:
    """The provenance in this evidence, in its order; `builders` stand in the order that voices shall have."""
    known = tuple(builders)
    return tuple(
        _testimony(statement, statement.provenance, known)
        for statement in evidence.statements
        if statement.kind is Kind.PROVENANCE and statement.provenance is not None
    )


def _testimony(statement: VerifiedStatement, provenance: Provenance, builders: tuple[TrustedBuilder, ...]) -> Testimony:
    contradicted = contradiction(statement)
    if statement.signer is None or contradicted is not None:
        return Testimony(statement=statement, provenance=provenance, voices=(), contradiction=contradicted)
    objections = [(builder, builder.objection(statement)) for builder in builders]
    voices = tuple(
        Voice(builder=builder, source=builder.source_of(statement))
        for builder, objection in objections
        if objection is None
    )
    unspoken = "" if voices else _closest((builder, objection) for builder, objection in objections if objection)
    return Testimony(statement=statement, provenance=provenance, voices=voices, unspoken=unspoken)


def _closest(objections: Iterable[tuple[TrustedBuilder, Objection]]) -> str:
    """Why the builder that came closest does not speak; nothing when none knows the signer."""
    known = [(builder, objection) for builder, objection in objections if objection.at]
    if not known:
        return ""
    builder, objection = max(known, key=lambda one: one[1].at)
    return f"{builder.name} knows the signer, but: {printable(objection.detail)}"
