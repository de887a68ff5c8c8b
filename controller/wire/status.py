"""The `status` of our five kinds: one condition, Ready, and for roots what they hold.

Kubernetes API conventions, "Typical status properties". Pure: the same object and facts give the same status, and none
at all where it would say what is said already, so that nothing is written for nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from controller.core.errors import Problem
from controller.wire.policy.nodes import instant

READY = "Ready"
MESSAGE_CHARACTERS = 4096  # of the 32,768 that the API server takes: a status is read by people
MESSAGE_PROBLEMS = 20
RFC3339 = "%Y-%m-%dT%H:%M:%SZ"

Object = Mapping[str, Any]


class StatusReason(Enum):
    """Why Ready is what it is: a closed list."""

    SOUND = "Sound"
    BROKEN = "Broken"
    ACTIVE = "Active"
    EXPIRED = "Expired"
    BEYOND_MAXIMUM = "BeyondMaximum"
    NOT_REFRESHED = "NotRefreshed"
    REFRESH_FAILING = "RefreshFailing"
    STALE = "Stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an object counts for now, and until when that is certain (None: until something changes)."""

    ready: bool
    reason: StatusReason
    message: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How the refreshing of a root goes: the last good one, when the root goes stale, what went wrong since."""

    refreshed: datetime | None = None
    stale_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a sound root holds."""

    certificate_authorities: int = 0
    transparency_logs: int = 0
    ct_logs: int = 0
    timestamp_authorities: int = 0
    keys: int = 0
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFacts:
    """The facts in the status of a TrustRoot."""

    holdings: Holdings | None = None
    freshness: Freshness | None = None
    warnings: tuple[str, ...] = field(default=())


def standing_of(problems: Sequence[Problem]) -> Standing:
    """The standing of a policy or builder that has these problems."""
    if problems:
        return Standing(ready=False, reason=StatusReason.BROKEN, message=summarize(problems))
    return Standing(ready=True, reason=StatusReason.SOUND, message="in force")


def exception_standing(document: Object, problems: Sequence[Problem], *, maximum: timedelta, now: datetime) -> Standing:
    """The standing of a SLSAException. It stops counting at the very second it expires (EXC-002).

    `maximum` counts from its creation: no edit renews it beyond that (EXC-005).
    """
    expires = instant((document.get("spec") or {}).get("expires"))
    created = instant((document.get("metadata") or {}).get("creationTimestamp"))
    if expires is not None and expires <= now:
        message = f"expired at {_text(expires)}: remove it, or renew what it was for"
        return Standing(ready=False, reason=StatusReason.EXPIRED, message=message)
    if expires is not None and created is not None and expires > created + maximum:
        message = f"beyond maximum: it may reach to {_text(created + maximum)}, {_days(maximum)} after its creation"
        return Standing(ready=False, reason=StatusReason.BEYOND_MAXIMUM, message=message, until=expires)
    if problems:
        return Standing(ready=False, reason=StatusReason.BROKEN, message=summarize(problems), until=expires)
    until = f" until {_text(expires)}" if expires else ""
    return Standing(ready=True, reason=StatusReason.ACTIVE, message=f"active{until}", until=expires)


def root_standing(problems: Sequence[Problem], facts: RootFacts, *, now: datetime) -> Standing:
    """The standing of a TrustRoot: broken, stale or never refreshed, failing to be refreshed, or sound."""
    fresh = facts.freshness
    until = fresh.stale_at if fresh else None
    if problems:
        return Standing(ready=False, reason=StatusReason.BROKEN, message=summarize(problems), until=_ahead(until, now))
    if fresh is not None and fresh.refreshed is None:
        message = f"not refreshed yet: {fresh.failure}" if fresh.failure else "not refreshed yet"
        return Standing(ready=False, reason=StatusReason.NOT_REFRESHED, message=_cut(message))
    if until is not None and until <= now:
        message = f"stale since {_text(until)}: {fresh.failure if fresh and fresh.failure else 'it was not refreshed'}"
        return Standing(ready=False, reason=StatusReason.STALE, message=_cut(message))
    if fresh is not None and fresh.failure:
        message = f"the last good one is in force: {fresh.failure}"
        return Standing(ready=True, reason=StatusReason.REFRESH_FAILING, message=_cut(message), until=until)
    message = _cut("; ".join(("in force", *facts.warnings)))
    return Standing(ready=True, reason=StatusReason.SOUND, message=message, until=until)


def render_status(
    document: Object, standing: Standing, facts: RootFacts | None = None, *, now: datetime
) -> Mapping[str, Any] | None:
    """The status to put in place of the object's, or None where it says all that already.

    Conditions of other types, and the transition time of one that stays True or False, are left as they are.
    """
    before = document.get("status") or {}
    conditions = [one for one in before.get("conditions") or () if isinstance(one, Mapping)]
    former = next((one for one in conditions if one.get("type") == READY), {})
    state = "True" if standing.ready else "False"
    ready: dict[str, Any] = {
        "type": READY,
        "status": state,
        "reason": standing.reason.value,
        "message": standing.message,
        "observedGeneration": (document.get("metadata") or {}).get("generation", 0),
        "lastTransitionTime": former.get("lastTransitionTime") if former.get("status") == state else _text(now),
    }
    after = [ready if one is former else one for one in conditions] if former else [*conditions, ready]
    wanted = {"conditions": after, **(_root_fields(facts) if facts else {})}
    same = all(before.get(name) == value for name, value in wanted.items())
    return None if same else wanted


def summarize(problems: Sequence[Problem]) -> str:
    """Every problem with its field path, and how many more there are where that would be too long."""
    shown: list[str] = []
    for problem in problems[:MESSAGE_PROBLEMS]:
        if sum(len(one) + 2 for one in shown) + len(str(problem)) > MESSAGE_CHARACTERS - 40:
            break
        shown.append(str(problem))
    rest = len(problems) - len(shown)
    if not shown:
        return _cut(str(problems[0]))
    return "; ".join(shown) + (f"; and {rest} more" if rest else "")


def _root_fields(facts: RootFacts) -> Mapping[str, Any]:
    held, fresh = facts.holdings or Holdings(), facts.freshness or Freshness()
    return {
        "certificateAuthorities": held.certificate_authorities,
        "transparencyLogs": held.transparency_logs,
        "ctLogs": held.ct_logs,
        "timestampAuthorities": held.timestamp_authorities,
        "keys": held.keys,
        "revision": held.revision or None,
        "lastRefresh": _text(fresh.refreshed) if fresh.refreshed else None,
        "staleAt": _text(fresh.stale_at) if fresh.stale_at else None,
    }


def _ahead(time: datetime | None, now: datetime) -> datetime | None:
    return time if time is not None and time > now else None


def _days(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{span.total_seconds():.0f} s"


def _text(time: datetime) -> str:
    return time.strftime(RFC3339)


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[: MESSAGE_CHARACTERS - 3]}..."
