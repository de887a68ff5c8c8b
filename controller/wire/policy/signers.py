"""From signer entries to matchers, in which keys still wait to be looked up."""

from controller.core.matchers import CertificateMatcher, SignerMatcher, TextPattern
from controller.core.signer import SubjectType
from controller.expressions import EXTENSIONS, RegExp, compile_pattern
from controller.wire.policy.common import Certificate, SignerEntry, compile_glob
from controller.wire.policy.nodes import instant
from controller.wire.policy.shape import join
from controller.wire.policy.unlinked import UnlinkedKey


def compile_signers(entries: list[SignerEntry], path: str) -> tuple[SignerMatcher, ...]:
    """The matchers of sound entries that stand at `path`."""
    return tuple(_signer(entry, join(path, index)) for index, entry in enumerate(entries))


def _signer(entry: SignerEntry, path: str) -> SignerMatcher:
    key = entry.public_key
    if key is not None:
        place = join(path, "publicKey", "pem") if key.pem is not None else join(path, "publicKey")
        return UnlinkedKey(trust_root=key.trust_root or "", key="", label=key.name or "", path=place)
    if entry.certificate is None:
        raise AssertionError(f"{path} was found to be sound")
    return _certificate(entry.certificate, path)


def _certificate(certificate: Certificate, path: str) -> CertificateMatcher:
    said = certificate.extensions.model_dump(by_alias=True, exclude_none=True) if certificate.extensions else {}
    return CertificateMatcher(
        trust_root=certificate.trust_root,
        issuer=certificate.issuer,
        subject=_subject(certificate, path),
        subject_type=SubjectType(certificate.subject_type),
        extensions=tuple((EXTENSIONS[name], value) for name, value in said.items()),
        not_after=instant(certificate.not_after),
    )


def _subject(certificate: Certificate, path: str) -> TextPattern:
    if certificate.subject is not None:
        return compile_glob(certificate.subject)
    pattern = compile_pattern(certificate.subject_reg_exp or "")
    if isinstance(pattern, RegExp):
        return pattern
    raise AssertionError(f"{path} was found to be sound")
