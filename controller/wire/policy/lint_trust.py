"""Advice on what is believed: signer entries, builders, roots, and exceptions from it."""

import re
from collections.abc import Iterator

from controller.core.errors import Problem
from controller.wire.policy.builder import BuilderSpec
from controller.wire.policy.common import Certificate, SignerEntry
from controller.wire.policy.exception import ExceptionSpec
from controller.wire.policy.nodes import Node
from controller.wire.policy.root import RootSpec
from controller.wire.policy.shape import join

_ANYBODY = frozenset({"*", "**", ".*", ".+", "^.*$", "^.+$"})
_SHARED_FORGES = frozenset({"https://token.actions.githubusercontent.com", "https://gitlab.com"})
_LITERAL = re.compile(r"\\.|\[[^\]]*\]", re.DOTALL)  # escapes and classes, in which a dot is itself
_ANY_CHARACTER = re.compile(r"[A-Za-z0-9]\.[A-Za-z0-9]")
_REPOSITORY_DEPTH = 5  # https: / (nothing) / host / owner / repository


def signer_advice(entries: list[SignerEntry], path: str) -> Iterator[Problem]:
    """On entries that name whoever the issuer knows."""
    for index, entry in enumerate(entries):
        certificate = entry.certificate
        if certificate is None:
            continue
        yield from _certificate_advice(certificate, join(path, index, "certificate"))
        field = "subject" if certificate.subject is not None else "subjectRegExp"
        if (certificate.subject or certificate.subject_reg_exp) in _ANYBODY:
            message = f"believes everybody whom {certificate.issuer} identifies, strangers among them"
            yield Problem(path=join(path, index, "certificate", field), message=message)


def _certificate_advice(certificate: Certificate, path: str) -> Iterator[Problem]:
    if "://" not in certificate.issuer:
        message = "an issuer is exact, as the certificate has it, and that is an address: https://..."
        yield Problem(path=join(path, "issuer"), message=message)
    if _ANY_CHARACTER.search(_LITERAL.sub("", certificate.subject_reg_exp or "")):
        message = r"a dot between letters stands for any character, so for other hosts and files, too: write \."
        yield Problem(path=join(path, "subjectRegExp"), message=message)


def builder_advice(spec: Node) -> Iterator[Problem]:
    """On a TrustedBuilder."""
    if not isinstance(spec, BuilderSpec):
        return
    yield from signer_advice(spec.signers, "spec.signers")
    certificates = [entry.certificate for entry in spec.signers if entry.certificate is not None]
    if not certificates:
        yield from _keys_only(spec)
    if spec.max_level > 1 and not spec.runner_environments and any(_shared(one) for one in certificates):
        message = "a self-hosted runner is the tenant's own machine: say which environments count"
        yield Problem(path="spec.runnerEnvironments", message=message)
    for index, entry in enumerate(spec.signers):
        subject = entry.certificate.subject if entry.certificate is not None else None
        if subject is not None and spec.max_level > 2 and _spans_repositories(subject):
            message = (
                "workflows of many repositories speak for one builder: level 3 needs one that its users can't change"
            )
            yield Problem(path=join("spec.signers", index, "certificate", "subject"), message=message)


def root_advice(spec: Node) -> Iterator[Problem]:
    """On a TrustRoot."""
    if not isinstance(spec, RootSpec):
        return
    for index, key in enumerate(spec.keys or ()):
        if spec.time_root is None and (key.not_after is not None or key.not_before is not None):
            message = (
                "without a timeRoot nothing tells when this key signed: its window is judged at the time of admission"
            )
            yield Problem(path=join("spec.keys", index), message=message)


def exception_advice(spec: Node) -> Iterator[Problem]:
    """On a SLSAException."""
    if not isinstance(spec, ExceptionSpec):
        return
    for index, namespace in enumerate(spec.namespaces):
        if namespace in _ANYBODY:
            yield Problem(path=join("spec.namespaces", index), message="exempts in every namespace")
    for index, image in enumerate(spec.images):
        if "@" not in image:
            message = "exempts whatever is pushed there later, too: name the digest, as in glob@sha256:..."
            yield Problem(path=join("spec.images", index), message=message)
    if spec.ticket is None:
        yield Problem(path="spec.ticket", message="nothing says where the mend is tracked")


def _keys_only(spec: BuilderSpec) -> Iterator[Problem]:
    if spec.source_from == "Certificate":
        message = "keys carry no source: no policy with sources is ever met, unless this says Provenance"
        yield Problem(path="spec.sourceFrom", message=message)
    if spec.minimum_version is not None:
        message = "keys have no version in their name: this builder never speaks"
        yield Problem(path="spec.minimumVersion", message=message)


def _shared(certificate: Certificate) -> bool:
    said = certificate.extensions.runner_environment if certificate.extensions is not None else None
    return certificate.issuer in _SHARED_FORGES and said is None


def _spans_repositories(subject: str) -> bool:
    return any("*" in component for component in subject.split("/")[:_REPOSITORY_DEPTH])
