"""Whom a Fulcio certificate is for: its one name, its issuer, and what else the issuer's token said.

Fulcio's oid-info.md: 1.3.6.1.4.1.57264.1.N is raw text up to 6, a DER UTF8String from 8 on.
"""

from collections.abc import Mapping

from cryptography.hazmat import asn1

from controller.core.errors import NotVerified
from controller.core.signer import CertificateSigner, Extensions
from controller.trust.extensions import LeafExtensions, Name

MAX_BYTES = 8192  # of one name or extension

_UTF8_STRING, _LONG_FORM = 0x0C, 0x80  # X.690, 8.23 and 8.1.3.5
_ISSUER, _OLD_ISSUER = 8, 1
_FIELDS: Mapping[int, str] = {
    2: "workflow_trigger",
    3: "workflow_sha",
    4: "workflow_name",
    5: "workflow_repository",
    6: "workflow_ref",
    9: "build_signer_uri",
    10: "build_signer_digest",
    11: "runner_environment",
    12: "source_repository_uri",
    13: "source_repository_digest",
    14: "source_repository_ref",
    15: "source_repository_id",
    16: "source_repository_owner_uri",
    17: "source_repository_owner_id",
    18: "build_config_uri",
    19: "build_config_digest",
    20: "build_trigger",
    21: "run_invocation_uri",
    22: "source_repository_visibility",
    23: "deployment_environment",
    24: "token_subject",
}
_FIRST_GENERATION = 6  # the last of it
_SAME = ((1, 8), (2, 20), (3, 13), (6, 14))  # two spellings of one fact


def signer_of(leaf: LeafExtensions, *, root_name: str) -> CertificateSigner:
    """The signer that these extensions name. Nothing of them is verified here but that they agree with each other.

    Guarantees exactly one name (URI, email, or OtherName of Fulcio's kind), an issuer, and that where both generations
    of extensions say something, they say the same (SIGN-014). Texts are as they stand. Raises NotVerified, and
    X509_ERRORS where the certificate can't be read.
    """
    kind, name = _name(leaf.names)
    said = _said(leaf.fulcio)
    issuer = said.get(_ISSUER) or said.get(_OLD_ISSUER)
    if not issuer:
        raise NotVerified("the certificate does not name the issuer of the identity")
    _require_agreement(said)
    extensions = Extensions(**{_FIELDS[number]: said[number] for number in _FIELDS.keys() & said.keys()})
    return CertificateSigner(
        trust_root=root_name, issuer=issuer, subject_type=kind, subject=name, extensions=extensions
    )


def _name(names: tuple[Name | None, ...] | None) -> Name:
    if names is None or len(names) != 1:
        raise NotVerified("the certificate is not for exactly one name")
    (name,) = names
    if name is None:
        raise NotVerified("the certificate's name is neither a URI nor an email address nor Fulcio's OtherName")
    if not 0 < len(name[1]) <= MAX_BYTES:
        raise NotVerified(f"the certificate's name is empty or longer than {MAX_BYTES} characters")
    return name


def _said(contents: Mapping[int, bytes]) -> dict[int, str]:
    """The texts of the extensions, by number: raw, or in a DER UTF8String, whose short form needs no decoder.

    Raises ValueError for what is no text.
    """
    said: dict[int, str] = {}
    for number, content in contents.items():
        size = len(content)
        if size > MAX_BYTES:
            raise NotVerified(f"an extension of the certificate is longer than {MAX_BYTES} bytes")
        if number <= _FIRST_GENERATION:
            said[number] = content.decode()
        elif 1 < size < _LONG_FORM and content[0] == _UTF8_STRING and content[1] == size - 2:
            said[number] = content[2:].decode()
        else:
            said[number] = asn1.decode_der(str, content)
    return said


def _require_agreement(said: Mapping[int, str]) -> None:
    """The old repository is the path of the new one's URL: nothing old tells the host."""
    disagreeing = [(old, new) for old, new in _SAME if old in said and said[old] != said.get(new, said[old])]
    path = said.get(12, "").partition("://")[2].partition("/")[2]
    if 5 in said and 12 in said and said[5] != path:
        disagreeing.append((5, 12))
    if disagreeing:
        old, new = disagreeing[0]
        raise NotVerified(f"the certificate contradicts itself: extensions {old} and {new} differ")
