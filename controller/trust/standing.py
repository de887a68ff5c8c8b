"""Whether a root's key counts at the times that were shown."""

from datetime import datetime

from controller.core.errors import NotVerified
from controller.core.text import printable
from controller.trust.keys import PublicKey
from controller.trust.root import RootKey, TrustRoot


def standing_of(root: TrustRoot, key: PublicKey, *, times: tuple[datetime, ...], now: datetime) -> RootKey:
    """The entry of `root` under which a signature by `key` counts; raises NotVerified when none does.

    Every verified time must lie in the entry's window, which is closed at both ends, and before the revocation
    (KEY-010 to 014). Without any, the window is judged at `now`, and nothing shows that a signature is older than a
    revocation, wherever that lies. A key that stands here under several names is revoked as soon as one of them is.
    """
    entries = sorted((entry for entry in root.keys if entry.key == key), key=lambda entry: entry.name)
    for entry in entries:
        if entry.revoked_at is not None and not (times and max(times) < entry.revoked_at):
            raise NotVerified(f"{_title(root, entry)} was revoked, and no verified time shows that it signed before")
    for entry in entries:
        if all(_within(entry, time) for time in times or (now,)):
            return entry
    shown = "at the verified signing time" if times else "now, and no verified time shows another moment of signing"
    titles = " or ".join(_title(root, entry) for entry in entries)
    raise NotVerified(f"{titles} is not valid {shown}")


def _within(entry: RootKey, time: datetime) -> bool:
    started = entry.not_before is None or entry.not_before <= time
    return started and (entry.not_after is None or time <= entry.not_after)


def _title(root: TrustRoot, entry: RootKey) -> str:
    return f"key {printable(entry.name)} of {printable(root.name)}"
