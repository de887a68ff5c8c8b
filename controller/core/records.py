"""Verification summaries and SBOMs, as far as policies ask about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


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


class SBOMFormat(Enum):
    """The formats that policies can ask for."""

    SPDX = "SPDX"
    CYCLONEDX = "CycloneDX"


@dataclass(frozen=True, slots=True, kw_only=True)
class SBOM:
    """Format and version of a software bill of materials; its packages are not read."""

    format: SBOMFormat
    version: str
