"""Objects that compile by themselves, while what they name is still only a name.

They are the types of `core` already, complete but for keys: in place of each stands an `UnlinkedKey`, which accepts
nobody. Linking (`controller.engine.linking`) looks the names up. Every reference carries the field path that a
problem with it is told at, and is there for broken objects, too, as far as they can be read.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.core.errors import Problem
from controller.core.evidence import VerifiedStatement
from controller.core.exception import PolicyException
from controller.core.matchers import KeyMatcher
from controller.core.policy import BrokenPolicy, Policy, PolicyName
from controller.core.slsa import TrustedBuilder

DEFAULT_STALE_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReference:
    """A key of a TrustRoot, by name."""

    trust_root: str
    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineKey:
    """A key that the object brings itself. Not parsed yet."""

    pem: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateReference:
    """A TrustRoot of a Sigstore instance, whose certificate authorities vouch for a signer."""

    trust_root: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderReference:
    """A TrustedBuilder, by name."""

    name: str
    path: str


Reference = KeyReference | InlineKey | CertificateReference | BuilderReference


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedKey(KeyMatcher):
    """Stands for the key of the reference at `path` until that is looked up, and accepts nobody."""

    path: str

    def accepts(self, statement: VerifiedStatement) -> bool:  # noqa: ARG002 (the base class's signature)
        """Never: what was not looked up is nobody's key."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedPolicy:
    """A policy, or a broken one, and everything that it names."""

    policy: Policy | BrokenPolicy
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenObject:
    """A builder, root or exception that does not compile. What names it is broken, too."""

    kind: str
    name: str
    problems: tuple[Problem, ...]

    def __post_init__(self) -> None:
        if not self.problems:
            raise ValueError("a broken object has problems")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedBuilder:
    """A builder, or a broken one, and everything that it names."""

    builder: TrustedBuilder | BrokenObject
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedException:
    """An exception, and the policies that it names with their field paths."""

    exception: PolicyException
    named: tuple[tuple[PolicyName, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """A key of a TrustRoot with its window (closed at both ends, aware times). Not parsed yet."""

    name: str
    pem: str
    path: str
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TufSource:
    """A TUF repository, the root metadata it is trusted by, and the target in it that is the trusted root."""

    url: str
    root: str
    target: str
    stale_after: timedelta = DEFAULT_STALE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapKey:
    """Where in Navicert's own namespace a document is that somebody keeps there."""

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SigstoreSpec:
    """Where a Sigstore root's document is: `inline`, not parsed yet, in a ConfigMap, where the operator put what it
    fetched from `tuf`, or else the public-good one."""

    path: str
    inline: str | None = None
    config_map: ConfigMapKey | None = None
    tuf: TufSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequireSpec:
    """What evidence must show besides its signature; None where the object does not say."""

    transparency_log: bool | None = None
    signed_timestamp: bool | None = None
    sct: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedRoot:
    """A TrustRoot of a Sigstore instance, or else of keys, whose times the root named `time_root` tells.

    `stale_after` is how long after its last refresh a document that is refreshed is believed; None: for ever.
    """

    name: str
    keys: tuple[KeySpec, ...] = ()
    sigstore: SigstoreSpec | None = None
    require: RequireSpec = RequireSpec()
    time_root: str | None = None
