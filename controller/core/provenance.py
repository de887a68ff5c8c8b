"""SLSA provenance of any version and producer in one record: what the predicate says, and nothing it does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClaim:
    """What one voice, the predicate or the certificate, says of the source. None: it does not say, or not comparably.

    `repository` is normalised (`controller.core.source`); `ref` is the full git ref; `commit` 40 or 64 hex digits.
    """

    repository: str | None = None
    ref: str | None = None
    commit: str | None = None
    entry_point: str | None = None
    trigger: str | None = None
    repository_id: str | None = None
    owner_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A resolved dependency or material: `digests` by algorithm, all else as written (in-toto, ResourceDescriptor)."""

    uri: str | None
    digests: Mapping[str, str] = field(hash=False)
    name: str | None = None
    media_type: str | None = None
    download_location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What the predicate says. Carries no level: a level is never read from a document.

    `source` is the predicate's own word, read by its build type's rules; fields that the build type does not define
    are None. What a certificate says of the same fields is in the signer's extensions; whose word counts is judged.
    `external_parameters` are the untrusted parameters as decoded JSON (v0.1 arguments, v0.2 parameters);
    `parameters_complete` and `dependencies_complete` are False where the predicate itself says that there may have been
    others.
    """

    builder_id: str
    build_type: str
    source: SourceClaim
    runner_environment: str | None = None
    external_parameters: Mapping[str, object] = field(default_factory=dict, hash=False)
    parameters_complete: bool = True
    invocation_id: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    dependencies_complete: bool = True
