"""What requirements ask of one provenance statement, joined, so that one and the same must show all of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations
from typing import Self

from controller.core.condition import Condition
from controller.core.reasons import Outcome
from controller.core.requirements import (
    AttestationRequirement,
    BuildRequirement,
    DependencyRequirement,
    Part,
    Requirements,
    SBOMRequirement,
    SignatureRequirement,
    SourceLevelRequirement,
    SourceRequirement,
    SummaryAcceptance,
)
from controller.core.slsa import UNKNOWN_PAIR_LEVEL, TrustedBuilder
from controller.core.told import RequirementVerdict

SOURCE_LEVEL = "sourceLevel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The build parts of one or two Requirements, to be met by one statement. None and empty are not asked.

    `sources` are groups of alternatives, of each of which one holds as a whole. `builders` and `types` that are
    asked twice are those that both allow, which may be none. Each of `parameters` is an allow-list of its own.

    `parts` are those that are asked and that a summary may stand in for, `names` all that are asked, as the API calls
    them and in its order, and `passed` what is told where all are met. `expects_builder`: only a TrustedBuilder's
    statement will do, as for anything but a bare level 1. `varies`: something is asked that statement and builder alone
    do not decide.
    """

    level: int | None = None
    builders: frozenset[str] | None = None
    sources: tuple[tuple[SourceRequirement, ...], ...] = ()
    types: frozenset[str] | None = None
    parameters: tuple[tuple[str, ...], ...] = ()
    max_age: timedelta | None = None
    conditions: tuple[Condition, ...] = ()
    dependencies: tuple[DependencyRequirement, ...] = ()
    source_levels: tuple[SourceLevelRequirement, ...] = ()
    parts: tuple[Part, ...] = field(init=False, repr=False, compare=False)
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    passed: tuple[RequirementVerdict, ...] = field(init=False, repr=False, compare=False)
    expects_builder: bool = field(init=False, repr=False, compare=False)
    varies: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = tuple(part for part, asked in self._asked() if asked)
        names = (*(part.value for part in parts), *((SOURCE_LEVEL,) if self.source_levels else ()))
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "names", names)
        passed = tuple(RequirementVerdict(name=name, outcome=Outcome.PASS) for name in names)
        object.__setattr__(self, "passed", passed)
        varies = self.max_age is not None or bool(self.conditions or self.dependencies or self.source_levels)
        object.__setattr__(self, "varies", varies)
        object.__setattr__(self, "expects_builder", names != (Part.BUILD_LEVEL.value,) or self.level != 1)

    @classmethod
    def of(cls, *requirements: Requirements) -> Self:
        """What these ask together."""
        builds = [one.build for one in requirements if one.build is not None]
        return cls(
            level=max((build.level for build in builds if build.level is not None), default=None),
            builders=_common(build.builders for build in builds),
            sources=tuple(build.sources for build in builds if build.sources),
            types=_common(build.types or None for build in builds),
            parameters=tuple(build.parameters for build in builds if build.parameters is not None),
            max_age=min((build.max_age for build in builds if build.max_age is not None), default=None),
            conditions=tuple(condition for build in builds for condition in build.conditions),
            dependencies=tuple(one.dependencies for one in requirements if one.dependencies is not None),
            source_levels=tuple(one.source_level for one in requirements if one.source_level is not None),
        )

    @classmethod
    def of_build(cls, build: BuildRequirement) -> Self:
        """What this asks alone."""
        return cls.of(Requirements(build=build))

    @property
    def asks(self) -> bool:
        """Whether anything is left to ask."""
        return bool(self.names)

    def hears(self, builder: TrustedBuilder) -> bool:
        """Whether this builder is one that is allowed, and reaches the level that is asked."""
        allowed = self.builders is None or builder.name in self.builders
        return allowed and builder.max_level >= (self.level or UNKNOWN_PAIR_LEVEL)

    def without(self, covered: frozenset[Part]) -> "Demand":
        """What is left when something else stands in for these parts.

        The source stays where a source level is asked: that of a commit from anywhere would prove nothing.
        """
        build = Part.BUILD in covered
        return replace(
            self,
            level=None if Part.BUILD_LEVEL in covered else self.level,
            builders=None if Part.BUILDERS in covered else self.builders,
            sources=() if Part.SOURCES in covered and not self.source_levels else self.sources,
            types=None if build else self.types,
            parameters=() if build else self.parameters,
            max_age=None if build else self.max_age,
            conditions=() if build else self.conditions,
            dependencies=() if Part.DEPENDENCIES in covered else self.dependencies,
        )

    def _asked(self) -> Iterator[tuple[Part, bool]]:
        yield Part.BUILD_LEVEL, self.level is not None
        yield Part.BUILDERS, self.builders is not None
        yield Part.SOURCES, bool(self.sources)
        yield Part.BUILD, self._asks_build
        yield Part.DEPENDENCIES, bool(self.dependencies)

    @property
    def _asks_build(self) -> bool:
        return self.types is not None or bool(self.parameters or self.conditions) or self.max_age is not None


def _common(allowed: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """What all of those that ask allow; None when none asks."""
    asked = [names for names in allowed if names is not None]
    return frozenset.intersection(*asked) if asked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One set of requirements that holds as a whole. `prefix` is where its parts stand in the API.

    `sboms` are those of accepted signers, `bound_sboms` those that the signer of the provenance signs: for them the
    same statement must do as for `demand`. `rests` are what is left of the demand, by the parts that accepted summaries
    can stand in for: one object for each, as what is worked out about a demand is remembered by its identity.
    """

    prefix: str
    demand: Demand
    rests: Mapping[frozenset[Part], Demand]
    signatures: tuple[SignatureRequirement, ...]
    sboms: tuple[SBOMRequirement, ...]
    bound_sboms: tuple[SBOMRequirement, ...]
    attestations: tuple[AttestationRequirement, ...]

    @classmethod
    def of(
        cls,
        prefix: str,
        own: Requirements,
        *,
        besides: Requirements | None = None,
        acceptances: tuple[SummaryAcceptance, ...] = (),
    ) -> "Alternative":
        """What `own` asks. What hangs on one provenance statement joins what is asked `besides`."""
        both = (own,) if besides is None else (besides, own)
        sboms = tuple(one.sbom for one in both if one.sbom is not None and one.sbom.signers is None)
        demand = Demand.of(*both)
        return cls(
            prefix=prefix,
            demand=demand,
            rests=_rests(demand, acceptances),
            signatures=own.signatures,
            sboms=(own.sbom,) if own.sbom is not None and own.sbom.signers is not None else (),
            bound_sboms=sboms,
            attestations=own.attestations,
        )


def _rests(demand: Demand, acceptances: tuple[SummaryAcceptance, ...]) -> Mapping[frozenset[Part], Demand]:
    """By every set of the parts that summaries may cover: several of them cover together, or all children alike."""
    coverable = [part for part in demand.parts if any(part in entry.covers for entry in acceptances)]
    sets = (frozenset(some) for size in range(1, len(coverable) + 1) for some in combinations(coverable, size))
    return {covered: demand.without(covered) for covered in sets}
