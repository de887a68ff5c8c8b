"""The predicates that Navicert reads, each by the type that was signed and by nothing else."""

from controller.core.evidence import Kind
from controller.core.predicates import kind_of
from controller.core.provenance import Provenance
from controller.core.records import SBOM, Summary
from controller.wire.provenance import read_provenance
from controller.wire.sbom import read_sbom
from controller.wire.statement import Statement
from controller.wire.summary import read_summary


def read_predicate(statement: Statement, *, signed: bool = True) -> Provenance | Summary | SBOM | None:
    """The record of a statement's predicate; None for a kind that has none (image signatures, other attestations).

    `signed` False is for statements that nobody stands behind (BuildKit's): they may name no builder, and prove
    nothing but that there is provenance. Says nothing about subjects. Raises MalformedAttestation.
    """
    match kind_of(statement.predicate_type):
        case Kind.PROVENANCE:
            return read_provenance(statement.predicate_type, statement.predicate, signed=signed)
        case Kind.SUMMARY:
            return read_summary(statement.predicate)
        case Kind.SBOM:
            return read_sbom(statement.predicate_type, statement.predicate)
        case _:
            return None
