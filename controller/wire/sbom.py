"""SBOM predicates: SPDX 2 (JSON and tag-value), SPDX 3 (JSON-LD) and CycloneDX (JSON). Their packages are not read.

The predicate is the document (in-toto attestation, spec/predicates/{spdx,cyclonedx}.md). cosign 1 wrapped it as the
`Data` of an object. For SPDX alone it may be a string, because cosign attests SPDX files as the text they are:
tag-value, or JSON inside of JSON (PARSE-015).
"""

import re

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.predicates import SPDX, sbom_type
from controller.core.records import SBOM, SBOMFormat
from controller.wire.strictjson import parse_part, parse_strict

HEADER_CHARACTERS = 4096  # of a tag-value document: its version comes first (SPDX 2.3, clause 6.1)

_WHAT = "the SBOM"
_NUMBER = r"[0-9]{1,4}"
_SPDX_2 = re.compile(rf"SPDX-(2\.{_NUMBER})")
_SPDX_3_CONTEXT = re.compile(rf"https://spdx\.org/rdf/(3(?:\.{_NUMBER}){{0,2}})/spdx-context\.jsonld")
_CYCLONEDX_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}")
_TAG = re.compile(r"SPDXVersion:[ \t]*(\S+)[ \t]*")


class _SPDX(msgspec.Struct, frozen=True):
    version: str | None = msgspec.field(name="spdxVersion", default=None)
    context: str | tuple[msgspec.Raw, ...] | None = msgspec.field(name="@context", default=None)


class _CycloneDX(msgspec.Struct, frozen=True, rename="camel"):
    bom_format: str | None = None
    spec_version: str | None = None


class _Wrapper(msgspec.Struct, frozen=True, rename="camel"):
    content: msgspec.Raw = msgspec.field(name="Data", default=msgspec.Raw())
    spdx_version: msgspec.Raw = msgspec.Raw()
    bom_format: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.field(name="@context", default=msgspec.Raw())


def read_sbom(predicate_type: str, predicate: bytes) -> SBOM:
    """Format and version of an SBOM out of a statement that `read_statement` has read.

    The document is of the format, and of the major version if any, that the predicate type says. Raises
    MalformedAttestation.
    """
    found = sbom_type(predicate_type)
    if found is None:
        raise MalformedAttestation(f"{_WHAT} is of an unknown predicate type")
    base, major = found
    document = _unwrapped(predicate)
    sbom = _spdx(document) if base == SPDX else _cyclonedx(document)
    if major is not None and sbom.version.partition(".")[0] != str(major):
        raise MalformedAttestation(f"{_WHAT} is of version {sbom.version}, its predicate type says {major}")
    return sbom


def _unwrapped(predicate: bytes) -> bytes:
    """The document in cosign 1's wrapper. What is an SBOM itself is none, whatever else it holds."""
    if not predicate.startswith(b"{"):
        return predicate
    read = parse_part(predicate, _Wrapper, what=_WHAT)
    markers = (read.spdx_version, read.bom_format, read.context)
    return predicate if any(bytes(marker) for marker in markers) else bytes(read.content) or predicate


def _cyclonedx(document: bytes) -> SBOM:
    read = parse_part(document, _CycloneDX, what=_WHAT)
    version = read.spec_version or ""
    if read.bom_format != "CycloneDX" or not _CYCLONEDX_VERSION.fullmatch(version):
        raise MalformedAttestation(f"{_WHAT} is no CycloneDX document")
    return SBOM(format=SBOMFormat.CYCLONEDX, version=version)


def _spdx(document: bytes) -> SBOM:
    if document.startswith(b'"'):
        return _spdx_text(parse_part(document, str, what=_WHAT))
    return _spdx_json(parse_part(document, _SPDX, what=_WHAT))


def _spdx_text(text: str) -> SBOM:
    """An SPDX file as text. JSON in it is a document of its own, and has one meaning of its own."""
    if text.lstrip().startswith("{"):
        return _spdx_json(parse_strict(text.encode(), _SPDX, what=_WHAT))
    lines = (line.strip() for line in text[:HEADER_CHARACTERS].splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    found = _TAG.fullmatch(first)
    return _spdx_2(found[1] if found else "")


def _spdx_json(read: _SPDX) -> SBOM:
    if read.version is not None and read.context is not None:
        raise MalformedAttestation(f"{_WHAT} claims to be SPDX 2 and SPDX 3")
    return _spdx_2(read.version or "") if read.context is None else _spdx_3(read.context)


def _spdx_2(version: str) -> SBOM:
    found = _SPDX_2.fullmatch(version)
    if found is None:
        raise MalformedAttestation(f"{_WHAT} is no SPDX document")
    return SBOM(format=SBOMFormat.SPDX, version=found[1])


def _spdx_3(context: str | tuple[msgspec.Raw, ...]) -> SBOM:
    """The version is in the name of the JSON-LD context (SPDX 3.0, serialization), which may stand among others."""
    names = [context] if isinstance(context, str) else [_name(bytes(raw)) for raw in context[:32]]
    found = [match[1] for name in names if (match := _SPDX_3_CONTEXT.fullmatch(name))]
    if len(found) != 1:
        raise MalformedAttestation(f"{_WHAT} is no SPDX document")
    return SBOM(format=SBOMFormat.SPDX, version=found[0])


def _name(context: bytes) -> str:
    return parse_part(context, str, what=_WHAT) if context.startswith(b'"') else ""
