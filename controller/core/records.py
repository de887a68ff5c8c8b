"""Verification summaries and SBOMs, as far as policies ask about them."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

MAX_CLOCK_LEAD = timedelta(hours=24)  # of a verifier's clock before ours, as of a log's

_BUILD_TRACK = "SLSA_BUILD"
_LEVEL = re.compile(r"SLSA_(BUILD|SOURCE)_LEVEL_([0-9]{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A verification summary (SLSA v1.2, VSA v1). What it says counts only for the verifier that a policy names.

    `verified_levels` as written, at most one of each track. `dependency_levels` None: no claim; empty: no
    dependencies. `time_verified` is the verifier's own word.
    """

    verifier_id: str
    resource_uri: str
    passed: bool
    verified_levels: tuple[str, ...]
    policy_uri: str | None = None
    policy_digests: Mapping[str, str] | None = field(default=None, hash=False)
    dependency_levels: Mapping[str, int] | None = field(default=None, hash=False)
    time_verified: datetime | None = None

    def claimed_level(self, track: str) -> int | None:
        """The level that is claimed on a track, `BUILD` or `SOURCE`; None when none is, or several are.

        Anything but a number (UNEVALUATED, a property, a custom token) is no level (SUM-003).
        """
        return _claimed(self.verified_levels, track)

    def dependencies_below(self, level: int) -> bool | None:
        """Whether any dependency may be below this Build level; None when no claim is made (SUM-011).

        A dependency counts once on each track. Where another track counts more of them than the Build track does,
        some have no Build level.
        """
        if self.dependency_levels is None:
            return None
        totals: Counter[str] = Counter()
        for name, count in self.dependency_levels.items():
            track = name.rpartition("_LEVEL_")[0] or name
            if track == _BUILD_TRACK and count and (_claimed((name,), "BUILD") or 0) < level:
                return True
            totals[track] += count
        return max(totals.values(), default=0) > totals[_BUILD_TRACK]


class SBOMFormat(Enum):
    """The formats that policies can ask for."""

    SPDX = "SPDX"
    CYCLONEDX = "CycloneDX"


@dataclass(frozen=True, slots=True, kw_only=True)
class SBOM:
    """Format and version of a software bill of materials; its packages are not read."""

    format: SBOMFormat
    version: str


def _claimed(tokens: tuple[str, ...], track: str) -> int | None:
    found = [one for one in map(_LEVEL.fullmatch, tokens) if one is not None and one[1] == track]
    return int(found[0][2]) if len(found) == 1 else None
