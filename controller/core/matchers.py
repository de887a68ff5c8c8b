"""Signer entries: whom a policy or builder names, and whether a verified statement is by one of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.core.evidence import VerifiedStatement
from controller.core.signer import CertificateSigner, KeySigner, SubjectType


class TextPattern(Protocol):
    """A compiled pattern over a whole text, bytes as they are: a glob, or a regular expression of RE2."""

    def matches(self, text: str) -> bool:
        """Whether the whole text fits. Takes time linear in the text."""

    def __str__(self) -> str:
        """The pattern as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeyMatcher:
    """One signer entry that names a key: the key itself and the trust root it is believed under.

    `label` is how the object wrote it; it does not take part in matching.
    """

    trust_root: str
    key: str
    label: str

    def accepts(self, statement: VerifiedStatement) -> bool:
        """Whether this key signed. Evidence verified under another root never counts (SIGN-033)."""
        signer = statement.signer
        return isinstance(signer, KeySigner) and (signer.trust_root, signer.key) == (self.trust_root, self.key)

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMatcher:
    """One signer entry that names whom a certificate authority of `trust_root` certified.

    `issuer` is exact, `subject` a pattern over the whole name of kind `subject_type`. `extensions` are names of
    `controller.core.signer.Extensions` with the exact texts asked. Signing times after `not_after` do not count.
    """

    trust_root: str
    issuer: str
    subject: TextPattern
    subject_type: SubjectType
    extensions: tuple[tuple[str, str], ...] = ()
    not_after: datetime | None = None

    def accepts(self, statement: VerifiedStatement) -> bool:
        """Whether such a certificate signed and, where there is a `not_after`, by its verified times not later."""
        signer = statement.signer
        if not isinstance(signer, CertificateSigner):
            return False
        if (signer.trust_root, signer.issuer, signer.subject_type) != (self.trust_root, self.issuer, self.subject_type):
            return False
        if self.not_after is not None and not self._in_time(statement, self.not_after):
            return False
        said = all(getattr(signer.extensions, name) == value for name, value in self.extensions)
        return said and self.subject.matches(signer.subject)

    def _in_time(self, statement: VerifiedStatement, last: datetime) -> bool:
        """What shows no time may have been signed at any."""
        return bool(statement.times) and all(time <= last for time in statement.times)

    def __str__(self) -> str:
        return f"{self.subject} ({self.issuer}) under {self.trust_root}"


SignerMatcher = KeyMatcher | CertificateMatcher


def roots_of(signers: Iterable[SignerMatcher]) -> frozenset[str]:
    """The trust roots under which these entries believe."""
    return frozenset(signer.trust_root for signer in signers)


def accepted(signers: tuple[SignerMatcher, ...], statement: VerifiedStatement) -> bool:
    """Whether any of the entries names who signed this statement. Nobody is named by none."""
    return any(signer.accepts(statement) for signer in signers)
