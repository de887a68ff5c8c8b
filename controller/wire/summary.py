"""Verification summaries: https://slsa.dev/verification_summary/v1 (SLSA v1.2, verification_summary).

The form only. Whether a verifier, its signer, a resource, a policy or a level is the one that is asked for is judged
where the policy is known; source summaries have the same form and differ in their subject.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.records import Summary
from controller.core.text import printable
from controller.wire.strictjson import parse_part

MAX_LEVELS = 1000  # verified levels, and kinds of dependency levels
MAX_DIGESTS = 32  # of the policy

_TRACK_LEVEL = re.compile(r"SLSA_(?P<track>[A-Z0-9_]+)_LEVEL_(?:[0-9]+|UNEVALUATED)")
_FAILED = "FAILED"  # among verifiedLevels: the verification failed, whatever else is said (SLSA v1.2)
_COUNT = re.compile(r"[0-9]{1,18}")

_Required = Annotated[str, msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=0)] | str  # a 64-bit integer is a string in protobuf's JSON


class _Verifier(msgspec.Struct, frozen=True):
    id: _Required


class _Policy(msgspec.Struct, frozen=True):
    uri: str | None = None
    digest: Annotated[dict[str, str], msgspec.Meta(max_length=MAX_DIGESTS)] | None = None


class _Predicate(msgspec.Struct, frozen=True, rename="camel"):
    verifier: _Verifier
    resource_uri: _Required
    verification_result: Literal["PASSED", "FAILED"]
    verified_levels: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_LEVELS)]
    policy: _Policy | None = None
    time_verified: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    dependency_levels: Annotated[dict[str, _Count], msgspec.Meta(max_length=MAX_LEVELS)] | None = None


def read_summary(predicate: bytes) -> Summary:
    """Read a summary out of a statement that `read_statement` has read.

    `verifier.id`, `resourceUri`, `verificationResult` and `verifiedLevels` are there, the first two not empty. At most
    one level of each track is listed: of several, the specification allows only the highest, so a summary with more
    is no summary. One that passed and lists FAILED has failed. Tokens that are no level of a track are kept as written.
    Raises MalformedAttestation.
    """
    document = parse_part(predicate, _Predicate, what="the verification summary")
    _refuse_two_levels(document.verified_levels)
    policy = document.policy or _Policy()
    levels = document.dependency_levels
    return Summary(
        verifier_id=document.verifier.id,
        resource_uri=document.resource_uri,
        passed=document.verification_result == "PASSED" and _FAILED not in document.verified_levels,
        verified_levels=document.verified_levels,
        policy_uri=policy.uri or None,
        policy_digests=policy.digest,
        dependency_levels=None if levels is None else {name: _count(count) for name, count in levels.items()},
        time_verified=None if document.time_verified is None else _utc(document.time_verified),
    )


def _refuse_two_levels(levels: Iterable[str]) -> None:
    """One level of each track, UNEVALUATED among them: it claims to be the only word on its track."""
    tracks = Counter(found["track"] for level in levels if (found := _TRACK_LEVEL.fullmatch(level)))
    for track, count in tracks.items():
        if count > 1:
            shown = printable(track, limit=40)
            raise MalformedAttestation(f"the verification summary lists {count} levels of track {shown}")


def _count(count: int | str) -> int:
    if isinstance(count, int):
        return count
    if not _COUNT.fullmatch(count):
        raise MalformedAttestation("the verification summary counts dependencies in something else than numbers")
    return int(count)


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise MalformedAttestation("the verification summary was made outside of time") from None
