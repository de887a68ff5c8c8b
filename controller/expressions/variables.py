"""What conditions look at: the values of their variables, made from the facts.

What is not known is left out, never null: `has()` tells. Texts are exactly those that were signed or sent. `now` is a
timestamp, `statement.signedAt` RFC 3339 text: `timestamp(statement.signedAt)`.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from cel_expr_python.cel import Type

from controller.core.condition import Facts
from controller.core.evidence import VerifiedStatement
from controller.core.provenance import Dependency, SourceClaim
from controller.core.signer import CertificateSigner, Extensions, KeySigner, Signer
from controller.expressions.extensions import EXTENSIONS

Values = dict[str, object]

_TEXTS, _VALUES = Type.Map(Type.STRING, Type.STRING), Type.Map(Type.STRING, Type.DYN)
TYPES: Mapping[str, Type] = {
    "provenance": _VALUES,
    "predicate": _VALUES,
    "statement": _VALUES,
    "certificate": _VALUES,
    "image": _TEXTS,
    "workload": _VALUES,
    "now": Type.TIMESTAMP,
}
"""The types that expressions are compiled against."""
_CARRIED: Callable[[Extensions], tuple[str | None, ...]] = attrgetter(*EXTENSIONS.values())


def variables(facts: Facts) -> Values:
    """The value of every variable but `predicate` and `provenance`, which others decide the size of; `certificate` is
    empty where no certificate signed."""
    statement = facts.statement
    signer = statement.signer
    return {
        "statement": _statement(statement),
        "certificate": _certificate(signer) if isinstance(signer, CertificateSigner) else {},
        "image": _image(facts),
        "workload": {
            "kind": facts.workload.kind,
            "namespace": facts.workload.namespace,
            "name": facts.workload.name,
            "labels": dict(facts.workload.labels),
        },
        "now": facts.now,
    }


def _known(values: Iterable[tuple[str, object]]) -> Values:
    return {name: value for name, value in values if value is not None}


def provenance_of(statement: VerifiedStatement) -> Values:
    """The value of `provenance`; empty where it is none."""
    provenance = statement.provenance
    if provenance is None:
        return {}
    return _known(
        (
            ("builderID", provenance.builder_id),
            ("buildType", provenance.build_type),
            ("externalParameters", dict(provenance.external_parameters)),
            ("source", _source(provenance.source)),
            ("dependencies", [_dependency(one) for one in provenance.dependencies]),
            ("runnerEnvironment", provenance.runner_environment),
            ("invocationID", provenance.invocation_id),
        )
    )


def _source(source: SourceClaim) -> Values:
    return _known(
        (
            ("repository", source.repository),
            ("ref", source.ref),
            ("commit", source.commit),
            ("entryPoint", source.entry_point),
            ("trigger", source.trigger),
            ("repositoryID", source.repository_id),
            ("ownerID", source.owner_id),
        )
    )


def _dependency(dependency: Dependency) -> Values:
    return _known((("uri", dependency.uri), ("digests", dict(dependency.digests))))


def _statement(statement: VerifiedStatement) -> Values:
    return _known(
        (
            ("predicateType", statement.predicate_type),
            ("kind", statement.kind.value),
            ("digest", str(statement.payload)),
            (
                "signedAt",
                statement.signed_at and statement.signed_at.isoformat(),
            ),  # inside a map the engine takes no times
            ("signer", None if statement.signer is None else _signer(statement.signer)),
        )
    )


def _signer(signer: Signer) -> Values:
    if isinstance(signer, KeySigner):
        return {"trustRoot": signer.trust_root, "key": signer.key, "name": signer.name}
    return {"trustRoot": signer.trust_root, "issuer": signer.issuer, "subject": signer.subject}


def _certificate(signer: CertificateSigner) -> Values:
    carried = zip(EXTENSIONS, _CARRIED(signer.extensions), strict=True)
    return {
        "issuer": signer.issuer,
        "subject": signer.subject,
        "subjectType": signer.subject_type.value,
        "extensions": _known(carried),
    }


def _image(facts: Facts) -> Values:
    reference = facts.reference
    return _known(
        (
            ("reference", str(reference)),
            ("repository", str(reference.repository)),
            ("registry", reference.repository.host),
            ("tag", reference.tag),
            ("digest", str(facts.digest)),
        )
    )
