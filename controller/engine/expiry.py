"""When trust ends: until which moment each trust root can verify anything at all, and what gets old before."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from controller.engine.policies import Snapshot
from controller.trust.root import INLINE_PREFIX, PUBLIC_GOOD_DAY, RootKey, TrustRoot, public_good

OLD = timedelta(days=30)  # as long as a root that is refreshed is believed without, unless it says otherwise


def root_expiries(snapshot: Snapshot | None) -> Mapping[str, datetime]:
    """The moment at which the last key or certificate authority of a root ends; no entry for a root that has one
    without an end. Roots of inline keys, which are no objects, are left out."""
    roots = snapshot.roots.roots if snapshot is not None else {}
    ends = {name: tuple(_ends(root)) for name, root in roots.items() if not name.startswith(INLINE_PREFIX)}
    return {name: max(found) for name, times in ends.items() if (found := _closed(times))}


def aging(root: TrustRoot, now: datetime) -> tuple[str, ...]:
    """What to warn of: a root that nothing refreshes never goes stale, and gets old all the same. Fit to print."""
    if root.stale_at is not None:
        return ()
    warnings = []
    if root.sigstore is public_good() and now.date() - PUBLIC_GOOD_DAY > OLD:
        remedy = "upgrade Navicert, or have sigstore.tuf follow it"
        warnings.append(f"nothing refreshes this snapshot of {PUBLIC_GOOD_DAY}: {remedy}")
    ends = _closed(tuple(_ends(root)))
    if ends and max(ends) - now < OLD:
        warnings.append(f"its last key or authority holds until {max(ends):%Y-%m-%dT%H:%M:%SZ}")
    return tuple(warnings)


def _ends(root: TrustRoot) -> Iterator[datetime | None]:
    yield from (_end(key) for key in root.keys)
    if root.sigstore is not None:
        for authority in root.sigstore.authorities:
            anchor = authority.certificates[-1].not_valid_after_utc
            yield min(anchor, authority.valid.end or anchor)


def _end(key: RootKey) -> datetime | None:
    return min((time for time in (key.not_after, key.revoked_at) if time is not None), default=None)


def _closed(times: tuple[datetime | None, ...]) -> tuple[datetime, ...]:
    closed = tuple(time for time in times if time is not None)
    return closed if len(closed) == len(times) else ()
