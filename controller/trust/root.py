"""Trust roots: which keys are believed, and when."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.core.errors import NotVerified
from controller.core.text import printable
from controller.trust.keys import PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """A named key with its window (closed at both ends). A key with `revoked_at` is refused from then on.

    Times are aware. Statements without a verified signing time are judged at the time of the review, and never by a
    revoked key.
    """

    name: str
    key: PublicKey
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        if any(time is not None and time.tzinfo is None for time in (self.not_before, self.not_after, self.revoked_at)):
            raise ValueError("the times of a key have a time zone")

    def refuses(self, now: datetime) -> str | None:
        """Why a signature without a verified signing time does not count at `now`; None when it counts.

        The window is closed at both ends (KEY-014). Without a time nothing shows that a signature is older than the
        revocation (KEY-013), wherever `revoked_at` lies.
        """
        if self.revoked_at is not None:
            return "was revoked, and no verified time shows that it signed before"
        if self.not_before is not None and now < self.not_before:
            return "is not valid yet, and no verified time shows another moment of signing"
        if self.not_after is not None and now > self.not_after:
            return "is no longer valid, and no verified time shows that it signed before"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """A root of keys: each verifies for itself, and evidence verified under one root never serves another."""

    name: str
    keys: tuple[RootKey, ...]

    def named(self, name: str) -> RootKey | None:
        """The key of this name."""
        return next((key for key in self.keys if key.name == name), None)

    def entry_of(self, key: PublicKey, *, now: datetime) -> RootKey:
        """The entry under which a signature by `key` counts at `now`; raises NotVerified when none does.

        A key that stands here under several names is revoked as soon as one of them is.
        """
        entries = sorted((entry for entry in self.keys if entry.key == key), key=lambda entry: entry.name)
        objections: list[str] = []
        for entry in [entry for entry in entries if entry.revoked_at is not None] or entries:
            objection = entry.refuses(now)
            if objection is None:
                return entry
            objections.append(f"key {printable(entry.name)} of {printable(self.name)} {objection}")
        raise NotVerified("; ".join(objections) or f"the key is not of {printable(self.name)}")

    @property
    def revision(self) -> str:
        """A hash over everything that decides what this root verifies."""
        lines = [
            f"{key.name} {key.key.fingerprint} {key.not_before} {key.not_after} {key.revoked_at}" for key in self.keys
        ]
        return hashlib.sha256("\n".join([self.name, *sorted(lines)]).encode()).hexdigest()


INLINE_PREFIX = "pem:"
"""How the root of a signer entry's inline key is named, with the key's fingerprint: no object can be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoots:
    """All roots that any policy or builder can name, by name. `revision` changes when any of them does."""

    roots: Mapping[str, TrustRoot] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """A hash over the revisions of all roots."""
        return hashlib.sha256("\n".join(sorted(root.revision for root in self.roots.values())).encode()).hexdigest()

    def serving(self, names: Collection[str]) -> "TrustRoots":
        """Every root that is an object, and of the inline keys those that are named.

        Who may write policies in a namespace brings keys with them; only images which those policies are about are
        checked against them.
        """
        kept = {name: root for name, root in self.roots.items() if name in names or not name.startswith(INLINE_PREFIX)}
        return TrustRoots(roots=kept)
