"""The predicate types that mean something to Navicert, by the URI that was signed.

They are compared as wholes, byte for byte (in-toto attestation spec v1, field_types.md#TypeURI). SBOM types alone may
carry a version: the base, or the base and `/v<digits>` or `/v<digits>.<digits>` (TYPE-012).
"""

import re

from controller.core.evidence import Kind

PROVENANCE_V01 = "https://slsa.dev/provenance/v0.1"
PROVENANCE_V01_ALIAS = "https://in-toto.io/Provenance/v0.1"  # before SLSA had a place of its own
PROVENANCE_V02 = "https://slsa.dev/provenance/v0.2"
PROVENANCE_V1 = "https://slsa.dev/provenance/v1"
SUMMARY_V1 = "https://slsa.dev/verification_summary/v1"
COSIGN_SIGN_V1 = "https://sigstore.dev/cosign/sign/v1"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"  # no predicate: the payload type stands for it
SPDX = "https://spdx.dev/Document"
CYCLONEDX = "https://cyclonedx.org/bom"

PROVENANCE = frozenset({PROVENANCE_V01, PROVENANCE_V01_ALIAS, PROVENANCE_V02, PROVENANCE_V1})
SUMMARIES = frozenset({SUMMARY_V1})
IMAGE_SIGNATURE = frozenset({COSIGN_SIGN_V1, SIMPLE_SIGNING})

_SBOM = re.compile(rf"({re.escape(SPDX)}|{re.escape(CYCLONEDX)})(?:/v([0-9]{{1,4}})(?:\.[0-9]{{1,4}})?)?")


def kind_of(predicate_type: str) -> Kind:
    """What a statement with this predicate type is. Never SOURCE_SUMMARY: that is told by what a summary is about."""
    if predicate_type in PROVENANCE:
        return Kind.PROVENANCE
    if predicate_type in SUMMARIES:
        return Kind.SUMMARY
    if predicate_type == COSIGN_SIGN_V1:
        return Kind.IMAGE_SIGNATURE
    return Kind.OTHER if sbom_type(predicate_type) is None else Kind.SBOM


def sbom_type(predicate_type: str) -> tuple[str, int | None] | None:
    """Base and major version of an SBOM's predicate type (no version: None); None when it is no SBOM's."""
    found = _SBOM.fullmatch(predicate_type)
    if found is None:
        return None
    base, major = found.groups()
    return base, None if major is None else int(major)
