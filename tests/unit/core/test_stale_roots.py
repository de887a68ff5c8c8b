"""A trust root that is too old makes unknown what it could have vouched for, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest

from controller.core.evidence import Evidence, Gap, VerifiedStatement
from controller.core.policy import Policy
from controller.core.provenance import Dependency
from controller.core.reasons import Reason
from controller.core.records import SBOMFormat
from controller.core.requirements import (
    BuildRequirement,
    DependencyRequirement,
    Part,
    Requirements,
    SBOMRequirement,
    SourceLevelRequirement,
    SourceVerifier,
)
from controller.core.slsa import TrustedBuilder
from tests.support.facts import OTHER, builder, evidence, finding, matcher, policy, provenance, signatures
from tests.support.families import AMD, ARM, child, index
from tests.support.keylessfacts import acceptance, attestation, keyless, scanned, workflow

KEYED, KEYLESS = builder("keyed"), workflow("keyless")  # under acme, and under sigstore
LOW = workflow("low", level=2)
L3 = BuildRequirement(level=3)
FOREIGN = provenance(key="stranger")
SPDX = frozenset({SBOMFormat.SPDX})


def stale(*roots: str) -> Gap:
    return Gap(reason=Reason.TrustRootStale, detail=f"TrustRoot {roots[0]} is too old", roots=roots)


def of_build(requirement: BuildRequirement) -> Policy:
    return policy(build=requirement)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A policy that the statements do not meet, what it says then, and the roots that could have made a difference;
    None: any."""

    policy: Policy
    misses: Reason
    roots: frozenset[str] | None
    builders: tuple[TrustedBuilder, ...] = (KEYED, KEYLESS)
    statements: tuple[VerifiedStatement, ...] = (FOREIGN,)


def sourced(level: int) -> Requirements:
    verifier = SourceVerifier(verifier_id="https://scs.example", signers=(matcher(root="scs"),), max_level=3)
    return Requirements(
        build=BuildRequirement(builders=frozenset({"keyless"})),
        source_level=SourceLevelRequirement(level=level, summaries=(verifier,)),
    )


ASKED: Mapping[str, Asked] = {
    "any builder": Asked(policy=of_build(L3), misses=Reason.BuilderNotTrusted, roots=frozenset({"acme", "sigstore"})),
    "one builder": Asked(
        policy=of_build(BuildRequirement(builders=frozenset({"keyed"}))),
        misses=Reason.BuilderNotTrusted,
        roots=frozenset({"acme"}),
    ),
    "a level that only one builder reaches": Asked(
        policy=of_build(L3), misses=Reason.BuilderNotTrusted, roots=frozenset({"acme"}), builders=(KEYED, LOW)
    ),
    "a level that a summary may stand in for": Asked(
        policy=policy(build=BuildRequirement(level=3, types=frozenset({"t"})), accept=(acceptance(Part.BUILD_LEVEL),)),
        misses=Reason.BuilderNotTrusted,
        roots=frozenset({"acme", "sigstore"}),
        builders=(KEYED, LOW),
    ),
    "a builder whom a summary may stand in for": Asked(
        policy=policy(
            build=BuildRequirement(builders=frozenset({"keyed"}), types=frozenset({"t"})),
            accept=(acceptance(Part.BUILDERS),),
        ),
        misses=Reason.BuilderNotTrusted,
        roots=frozenset({"acme", "sigstore"}),
    ),
    "no more than level 1": Asked(
        policy=of_build(BuildRequirement(level=1)),
        misses=Reason.NoProvenance,
        roots=None,
        statements=(attestation(),),
    ),
    "signatures": Asked(
        policy=policy(build=None, required=(signatures("release"),)),
        misses=Reason.NoSignature,
        roots=frozenset({"acme"}),
    ),
    "an SBOM by somebody": Asked(
        policy=policy(require=Requirements(sbom=SBOMRequirement(formats=SPDX, signers=(matcher(),)))),
        misses=Reason.NoSBOM,
        roots=frozenset({"acme"}),
    ),
    "an SBOM by the builder": Asked(
        policy=policy(
            require=Requirements(
                build=BuildRequirement(builders=frozenset({"keyless"})),
                sbom=SBOMRequirement(formats=SPDX, signers=None),
            )
        ),
        misses=Reason.NoSBOM,
        roots=frozenset({"sigstore"}),
        statements=(keyless(),),
    ),
    "an attestation": Asked(
        policy=policy(require=Requirements(attestations=(scanned(),))),
        misses=Reason.NoAttestation,
        roots=frozenset({"acme"}),
    ),
    "a source level": Asked(
        policy=policy(require=sourced(2)),
        misses=Reason.SourceLevelTooLow,
        roots=frozenset({"sigstore", "scs"}),
        statements=(keyless(),),
    ),
}


@pytest.mark.case("TIME-020")
@pytest.mark.parametrize("root", ["acme", "sigstore", "scs", "another"])
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_stale_root_is_told_only_where_it_could_have_made_the_difference(asked: Asked, root: str) -> None:
    known = evidence(*asked.statements)
    assert finding(asked.policy, known, *asked.builders).reason is asked.misses
    found = finding(asked.policy, evidence(*asked.statements, gaps=(stale(root),)), *asked.builders)
    may_help = asked.roots is None or root in asked.roots
    assert found.reason is (Reason.TrustRootStale if may_help else asked.misses)


@pytest.mark.case("TIME-020")
def test_keys_whose_times_the_stale_root_tells_are_unknown_too() -> None:
    of_keys = of_build(BuildRequirement(builders=frozenset({"keyed"}), max_age=timedelta(days=1)))
    found = evidence(provenance(), gaps=(stale("sigstore", "acme"),))
    assert finding(of_keys, evidence(provenance()), KEYED).reason is Reason.NoSigningTime
    assert finding(of_keys, found, KEYED).reason is Reason.TrustRootStale


@pytest.mark.parametrize(("root", "reason"), [("acme", Reason.TrustRootStale), ("sigstore", Reason.Satisfied)])
def test_the_newest_may_be_one_that_a_stale_root_hides(root: str, reason: Reason) -> None:
    newest = policy(require=Requirements(attestations=(scanned(newest=True),)))
    assert finding(newest, evidence(attestation(), gaps=(stale(root),)), KEYED).reason is reason


@pytest.mark.parametrize(("root", "reason"), [("acme", Reason.TrustRootStale), ("sigstore", Reason.Satisfied)])
def test_children_answer_for_an_index_that_may_have_the_newest_only_where_nothing_of_it_is_hidden(
    root: str, reason: Reason
) -> None:
    newest = policy(require=Requirements(attestations=(scanned(newest=True),)))
    children = tuple(child(one, attestation(subject=one)) for one in (AMD, ARM))
    assert finding(newest, index(children=children, gaps=(stale(root),)), KEYED).reason is reason


@pytest.mark.parametrize(
    ("root", "reason"), [("acme", Reason.TrustRootStale), ("another", Reason.DependencyLevelTooLow)]
)
def test_a_dependency_is_unknown_where_a_stale_root_could_have_shown_its_level(root: str, reason: Reason) -> None:
    base = Dependency(
        uri=f"docker://ghcr.io/acme-base/debian@{OTHER}", digests={"sha256": str(OTHER).partition(":")[2]}
    )
    asked = policy(require=Requirements(dependencies=DependencyRequirement(level=2, images=())))
    recording = TrustedBuilder(
        name="keyless",
        max_level=3,
        signers=KEYLESS.signers,
        builder_ids=None,
        source_from=KEYLESS.source_from,
        records_dependencies=True,
    )
    known = {OTHER: Evidence(digest=OTHER, gaps=(stale(root),))}
    found = finding(asked, evidence(keyless(dependencies=(base,))), KEYED, recording, dependencies=known)
    assert found.reason is reason


def test_what_no_root_is_to_blame_for_concerns_everything() -> None:
    down = Gap(reason=Reason.RegistryUnavailable, detail="503")
    for asked in ASKED.values():
        found = finding(asked.policy, evidence(*asked.statements, gaps=(down,)), *asked.builders)
        assert found.reason is Reason.RegistryUnavailable
