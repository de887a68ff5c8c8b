"""Trust roots: which authorities, logs and keys are believed, and when."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from itertools import chain

from cryptography import x509

from controller.core.errors import MalformedDocument
from controller.core.text import printable
from controller.trust.keys import X509_ERRORS, PublicKey, public_key_of_der
from controller.trust.log import TransparencyLog
from controller.trust.path import CertificateAuthority
from controller.trust.timestamp import TimestampAuthority
from controller.trust.verifying import Algorithm
from controller.wire.trustedroot import AuthorityEntry, LogEntryKey, TrustedRootDocument, parse_trusted_root

PUBLIC_GOOD_DAY = date(2026, 10, 20)  # on which the snapshot was published
PUBLIC_GOOD = f"public_good_{PUBLIC_GOOD_DAY}.json"

_ALGORITHMS: Mapping[str, Algorithm] = {
    **{algorithm.name: algorithm for algorithm in Algorithm},
    # Deprecated names of RSA keys of any size, the first for one without SubjectPublicKeyInfo (RFC 8017, A.1.1).
    "PKCS1_RSA_PKCS1V5": Algorithm.PKIX_RSA_PKCS1V15_2048_SHA256,
    "PKIX_RSA_PKCS1V5": Algorithm.PKIX_RSA_PKCS1V15_2048_SHA256,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Require:
    """What evidence must show besides its signature and, for certificates, a verified time. By default nothing."""

    transparency_log: bool = False
    signed_timestamp: bool = False
    sct: bool = False

    @classmethod
    def of_sigstore(cls) -> "Require":
        """What a Sigstore root asks for where its owner says nothing else: a log and an SCT."""
        return cls(transparency_log=True, sct=True)


_USUAL = Require(transparency_log=True, signed_timestamp=True, sct=True)  # stands for what the kind of root asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """A named key with its window (closed at both ends). A key with `revoked_at` is refused from then on.

    Times are aware. When a key counts is told by `controller.trust.standing`.
    """

    name: str
    key: PublicKey
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        if any(time is not None and time.tzinfo is None for time in (self.not_before, self.not_after, self.revoked_at)):
            raise ValueError("the times of a key have a time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigstoreMaterial:
    """A Sigstore instance, parsed once and ready to verify with. `revision` is a hash of the document it came from.

    `left_out` says, fit to print, which logs of the document are not believed because their keys are not understood.
    """

    authorities: tuple[CertificateAuthority, ...] = ()
    logs: tuple[TransparencyLog, ...] = ()
    ct_logs: tuple[TransparencyLog, ...] = ()
    timestamp_authorities: tuple[TimestampAuthority, ...] = ()
    left_out: tuple[str, ...] = ()
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """A root of keys, or of a Sigstore instance: evidence verified under one root never serves another.

    `require` is held against everything that this root verifies; unless given it is what the kind of root usually
    asks for, nothing for keys. `time_root` names the root whose logs and
    timestamp authorities tell the times of what the keys signed. `stale_at` is the time after which a root that is
    refreshed no longer counts; it decides nothing about what the root verifies, and is no part of `revision`, a hash
    over everything that does.
    """

    name: str
    keys: tuple[RootKey, ...] = ()
    sigstore: SigstoreMaterial | None = None
    require: Require = _USUAL
    time_root: str | None = None
    stale_at: datetime | None = None
    revision: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.require is _USUAL:
            object.__setattr__(self, "require", Require() if self.sigstore is None else Require.of_sigstore())
        if self.sigstore is not None and (self.keys or self.time_root is not None):
            raise ValueError("a root of a Sigstore instance has no keys, and tells its times itself")
        object.__setattr__(self, "revision", self._revision())

    def named(self, name: str) -> RootKey | None:
        """The key of this name."""
        return next((key for key in self.keys if key.name == name), None)

    @property
    def edges(self) -> Iterable[tuple[datetime | None, datetime | None]]:
        """Start and end of the window of each key and of each log."""
        keys = ((key.not_before, key.not_after) for key in self.keys)
        logs = ((log.valid.start, log.valid.end) for log in (self.sigstore.logs if self.sigstore else ()))
        return chain(keys, logs)

    def _revision(self) -> str:
        keys = sorted(
            f"{key.name} {key.key.fingerprint} {key.not_before} {key.not_after} {key.revoked_at}" for key in self.keys
        )
        sigstore = self.sigstore.revision if self.sigstore else None
        lines = (self.name, sigstore, self.require, self.time_root, *keys)
        return hashlib.sha256("\n".join(str(line) for line in lines).encode()).hexdigest()


_MAX_SERVING = 256  # sets of names whose roots are remembered

INLINE_PREFIX = "pem:"
"""How the root of a signer entry's inline key is named, with the key's fingerprint: no object can be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoots:
    """All roots that any policy or builder can name, by name. `revision` changes when any of them does.

    `starts` and `ends` are the edges of the windows of all keys and logs, in order.
    """

    roots: Mapping[str, TrustRoot] = field(default_factory=dict)
    revision: str = field(init=False, repr=False, compare=False)
    starts: tuple[datetime, ...] = field(init=False, repr=False, compare=False)
    ends: tuple[datetime, ...] = field(init=False, repr=False, compare=False)
    _ageing: bool = field(init=False, repr=False, compare=False)
    _serving: dict[frozenset[str], "TrustRoots | None"] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        revisions = "\n".join(sorted(root.revision for root in self.roots.values()))
        object.__setattr__(self, "revision", hashlib.sha256(revisions.encode()).hexdigest())
        ageing = any(root.stale_at is not None for root in self.roots.values())
        object.__setattr__(self, "_ageing", ageing)
        edges = [edge for root in self.roots.values() for edge in root.edges]
        object.__setattr__(self, "starts", tuple(sorted(start for start, _ in edges if start is not None)))
        object.__setattr__(self, "ends", tuple(sorted(end for _, end in edges if end is not None)))

    def stale(self, names: Collection[str], now: datetime) -> tuple[str, ...]:
        """Which of these roots, and of those that tell their times, are too old at `now`: in order of name."""
        if not self._ageing:
            return ()
        named = (self.roots.get(name) for name in names)
        meant = {*names, *(root.time_root for root in named if root is not None and root.time_root is not None)}
        roots = (self.roots[name] for name in sorted(meant) if name in self.roots)
        return tuple(root.name for root in roots if root.stale_at is not None and now > root.stale_at)

    def serving(self, names: frozenset[str]) -> "TrustRoots":
        """Every root that is an object, and of the inline keys those that are named.

        Who may write policies in a namespace brings keys with them; only images which those policies are about are
        checked against them.
        """
        if names not in self._serving:
            if len(self._serving) >= _MAX_SERVING:
                self._serving.clear()
            self._serving[names] = self._without_strangers(names)
        return self._serving[names] or self

    def _without_strangers(self, names: frozenset[str]) -> "TrustRoots | None":
        """None where they are all: what holds itself outlives its use."""
        kept = {name: root for name, root in self.roots.items() if name in names or not name.startswith(INLINE_PREFIX)}
        return None if len(kept) == len(self.roots) else TrustRoots(roots=kept)


def compile_sigstore(document: TrustedRootDocument) -> SigstoreMaterial:
    """Parse everything that the document lists.

    A log whose key is of a kind that this version does not know is left out, which `left_out` tells: trust that is not
    understood is not given, and a root must outlive the arrival of new algorithms. A key that is not what it is said to
    be, and a certificate that can't be read, raise MalformedDocument, whose message names the entry.
    """
    return SigstoreMaterial(
        authorities=tuple(
            CertificateAuthority(
                certificates=tuple(_certificates(entry, f"certificateAuthorities[{index}]")), valid=entry.valid
            )
            for index, entry in enumerate(document.authorities)
        ),
        logs=tuple(_logs(document.logs, "tlogs")),
        ct_logs=tuple(_logs(document.ct_logs, "ctlogs")),
        timestamp_authorities=tuple(
            _timestamp_authority(entry, f"timestampAuthorities[{index}]")
            for index, entry in enumerate(document.timestamp_authorities)
        ),
        left_out=(*_left_out(document.logs, "tlogs"), *_left_out(document.ct_logs, "ctlogs")),
        revision=hashlib.sha256(repr(document).encode()).hexdigest(),
    )


@cache
def public_good() -> SigstoreMaterial:
    """The public Sigstore instance as the snapshot in this package has it, read once."""
    return compile_sigstore(parse_trusted_root((files("controller.trust") / "data" / PUBLIC_GOOD).read_bytes()))


def _logs(entries: Iterable[LogEntryKey], path: str) -> Iterable[TransparencyLog]:
    for index, entry in enumerate(entries):
        algorithm = _ALGORITHMS.get(entry.key_details)
        if algorithm is None:
            continue
        try:
            key = public_key_of_der(entry.key_der, algorithm)
        except MalformedDocument as error:
            raise MalformedDocument(f"{path}[{index}].publicKey: {error}") from None
        key_id = entry.key_id or hashlib.sha256(key.spki).digest()  # RFC 6962, 3.2
        yield TransparencyLog(base_url=entry.base_url, key_id=key_id, key=key, valid=entry.valid)


def _left_out(entries: Iterable[LogEntryKey], path: str) -> Iterable[str]:
    for index, entry in enumerate(entries):
        if entry.key_details not in _ALGORITHMS:
            kind = printable(entry.key_details, limit=40)
            yield f"{path}[{index}] is left out: keys of kind {kind!r} are not known"


def _timestamp_authority(entry: AuthorityEntry, path: str) -> TimestampAuthority:
    try:
        return TimestampAuthority(certificates=entry.certificates, valid=entry.valid)
    except MalformedDocument as error:
        raise MalformedDocument(f"{path}.certChain: {error}") from None


def _certificates(entry: AuthorityEntry, path: str) -> Iterable[x509.Certificate]:
    for index, der in enumerate(entry.certificates):
        try:
            certificate = x509.load_der_x509_certificate(der)
            certificate.public_key()
            certificate.extensions, certificate.subject, certificate.issuer  # noqa: B018 (raise here, and not later)
        except X509_ERRORS:
            raise MalformedDocument(f"{path}.certChain.certificates[{index}]: not a certificate, or broken") from None
        yield certificate
