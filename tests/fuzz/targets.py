"""What is fuzzed: every parser of foreign bytes, and the one property that all of them have.

Any bytes give a value or an error of our own tree, whose text can be printed. Whatever else comes out is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from cryptography import x509

from controller.core.errors import MalformedDocument, NotVerified
from controller.core.image import ImageReference
from controller.core.predicates import CYCLONEDX, PROVENANCE_V01, PROVENANCE_V02, PROVENANCE_V1, SPDX, SUMMARY_V1
from controller.trust.certificate import refuse_anchors, verify_certificate
from controller.trust.extensions import read_extensions
from controller.trust.identity import signer_of
from controller.trust.keys import X509_ERRORS, parse_public_key
from controller.trust.leaf import load_leaf
from controller.trust.path import issuer_of
from controller.trust.root import compile_sigstore
from controller.trust.timestamp import verify_timestamp
from controller.wire.admission import parse_review
from controller.wire.annotations import parse_annotations, parse_signature
from controller.wire.bundle import parse_bundle
from controller.wire.envelope import parse_envelope
from controller.wire.logbody import parse_body
from controller.wire.note import parse_checkpoint
from controller.wire.oci import INDEX_TYPES, MANIFEST_TYPES, parse_manifest
from controller.wire.policy import compile_builder, compile_exception, compile_policy, compile_root, parse_objects
from controller.wire.predicate import read_predicate
from controller.wire.signature import parse_simple_signing
from controller.wire.statement import Statement, read_statement
from controller.wire.trustedroot import parse_trusted_root
from controller.wire.workload import parse_workload
from tests.fuzz import seeds
from tests.support.instance import INTEGRATED

ALLOWED = (MalformedDocument, NotVerified)
OBJECTS: Mapping[str, Callable[[Mapping[str, object]], object]] = {
    "ClusterSLSAPolicy": compile_policy,
    "SLSAPolicy": compile_policy,
    "TrustedBuilder": compile_builder,
    "TrustRoot": compile_root,
    "SLSAException": compile_exception,
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parser, and what it reads when all is well, to start from."""

    parse: Callable[[bytes], object]
    seeds: Callable[[], tuple[bytes, ...]]

    def feed(self, content: bytes) -> None:
        """Hold the property against `content`; anything that it raises is a finding."""
        _hold(partial(self.parse, content))


def _hold(parse: Callable[[], object]) -> None:
    try:
        parse()
    except ALLOWED as error:
        if not str(error).isprintable():
            raise AssertionError("the message can't be printed") from error


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _annotations(content: bytes) -> None:
    try:
        annotations = msgspec.json.decode(content, type=dict[str, str])
    except ValueError:
        return
    _hold(partial(parse_annotations, annotations))
    _hold(partial(parse_signature, annotations))


def _predicate(predicate_type: str, content: bytes) -> object:
    return read_predicate(Statement(predicate_type=predicate_type, predicate=content, sha256=frozenset()))


def _certificate(content: bytes) -> None:
    try:
        certificate = x509.load_der_x509_certificate(content)
        issuer_of(certificate)
        signer_of(read_extensions(certificate), root_name="acme")
    except (*X509_ERRORS, NotVerified):
        pass  # as documented: who calls these has X509_ERRORS in hand
    refuse_anchors((content,))
    material, leaf = seeds.material(), load_leaf(content)
    verify_certificate(
        leaf,
        intermediates=(content,),
        material=material,
        root_name="acme",
        times=(INTEGRATED,),
        sct=True,
    )


def _token(content: bytes) -> object:
    return verify_timestamp(content, signature=seeds.STAMPED, authorities=seeds.material().timestamp_authorities)


def _manifest(content: bytes) -> None:
    for kind in sorted(MANIFEST_TYPES | INDEX_TYPES):
        _hold(partial(parse_manifest, content, content_type=kind))


def _objects(content: bytes) -> None:
    for item in parse_objects(_text(content), "fuzz.yaml"):
        compiling = OBJECTS.get(str(item.get("kind")))
        if compiling is not None:
            _hold(partial(compiling, item))


TARGETS: Mapping[str, Target] = {
    "bundle": Target(parse=parse_bundle, seeds=seeds.bundles),
    "envelope": Target(parse=parse_envelope, seeds=seeds.envelopes),
    "annotations": Target(parse=_annotations, seeds=seeds.legacy_annotations),
    "simple-signing": Target(parse=parse_simple_signing, seeds=seeds.simple_signings),
    "statement": Target(parse=read_statement, seeds=seeds.statements),
    "provenance-v0.1": Target(parse=partial(_predicate, PROVENANCE_V01), seeds=seeds.provenances_v01),
    "provenance-v0.2": Target(parse=partial(_predicate, PROVENANCE_V02), seeds=seeds.provenances_v02),
    "provenance-v1": Target(parse=partial(_predicate, PROVENANCE_V1), seeds=seeds.provenances_v1),
    "summary": Target(parse=partial(_predicate, SUMMARY_V1), seeds=seeds.summaries),
    "spdx": Target(parse=partial(_predicate, SPDX), seeds=seeds.spdx),
    "cyclonedx": Target(parse=partial(_predicate, CYCLONEDX), seeds=seeds.cyclonedx),
    "log-body": Target(parse=parse_body, seeds=seeds.log_bodies),
    "checkpoint": Target(parse=lambda content: parse_checkpoint(_text(content)), seeds=seeds.checkpoints),
    "trusted-root": Target(
        parse=lambda content: compile_sigstore(parse_trusted_root(content)), seeds=seeds.trusted_roots
    ),
    "public-key": Target(parse=lambda content: parse_public_key(_text(content)), seeds=seeds.public_keys),
    "certificate": Target(parse=_certificate, seeds=seeds.certificates),
    "timestamp": Target(parse=_token, seeds=seeds.tokens),
    "manifest": Target(parse=_manifest, seeds=seeds.manifests),
    "reference": Target(parse=lambda content: ImageReference.parse(_text(content)), seeds=seeds.references),
    "objects": Target(parse=_objects, seeds=seeds.objects),
    "review": Target(parse=lambda content: parse_workload(parse_review(content)), seeds=seeds.reviews),
}
