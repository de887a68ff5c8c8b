"""What a policy asks besides its alternatives and what the alternative asks are met by one statement (SET-001)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from controller.core.condition import Facts, Held
from controller.core.evidence import VerifiedStatement
from controller.core.patterns import ImageGlob
from controller.core.provenance import Dependency
from controller.core.reasons import Outcome
from controller.core.records import SBOMFormat
from controller.core.requirements import (
    BuildRequirement,
    DependencyRequirement,
    Requirements,
    SBOMRequirement,
    SourceLevelRequirement,
    SourceVerifier,
)
from tests.support.facts import BUILD_TYPE, NOW, evidence, finding, matcher, policy, signer
from tests.support.keylessfacts import (
    COMMIT,
    SHOP,
    alternative,
    certificate,
    certified,
    condition,
    keyless,
    named,
    sbom,
    summary,
    workflow,
)

OTHER = "https://other.example"
LOW = "https://low.example"
EVIL = {"source_repository_uri": "https://github.com/evil/shop", "build_config_uri": None}
BUILDERS = tuple(
    replace(one, records_dependencies=True)
    for one in (workflow(), workflow("other", by=named(OTHER)), workflow("low", level=1, by=named(LOW)))
)
SCS = SourceVerifier(verifier_id="https://scs.example", signers=(matcher("scs"),), max_level=3)
SOURCE = summary(
    ("SLSA_SOURCE_LEVEL_2",), by=signer("scs"), verifier=SCS.verifier_id, resource=SHOP, commit=COMMIT, payload="source"
)


def plain(facts: Facts) -> Held:
    found = facts.statement.provenance
    return Held.FALSE if found is None or found.external_parameters else Held.TRUE


@dataclass(frozen=True, kw_only=True)
class Half:
    """Something that is asked, what meets `asked` and nothing of the other half, and what else lies beside it."""

    asked: Requirements
    without: VerifiedStatement
    beside: tuple[VerifiedStatement, ...] = ()


def build(**asked: object) -> Requirements:
    return Requirements(build=BuildRequirement(**asked))  # type: ignore[arg-type]


BY_REUSABLE = build(builders=frozenset({"reusable"}))
FROM_SHOP = build(sources=(alternative(SHOP),))
BY_ANOTHER = keyless(certificate(OTHER), payload="other")
FROM_ELSEWHERE = certified(**EVIL, payload="elsewhere")
# Each part, a statement by the right builder that falls short in it, and the half that this statement has.
PARTS: Mapping[str, tuple[Half, Half]] = {
    "level": (
        Half(asked=build(level=3), without=keyless(certificate(LOW), payload="low")),
        Half(asked=FROM_SHOP, without=FROM_ELSEWHERE),
    ),
    **{
        name: (half, Half(asked=BY_REUSABLE, without=BY_ANOTHER))
        for name, half in {
            "sources": Half(asked=FROM_SHOP, without=FROM_ELSEWHERE),
            "types": Half(
                asked=build(types=frozenset({BUILD_TYPE})), without=keyless(build_type="https://x", payload="T")
            ),
            "parameters": Half(
                asked=build(parameters=("a",)), without=keyless(parameters={"b": 1}, payload="parameters")
            ),
            "maxAge": Half(
                asked=build(max_age=timedelta(days=1)), without=keyless(times=(NOW - timedelta(days=9),), payload="old")
            ),
            "conditions": Half(
                asked=build(conditions=(condition(plain),)), without=keyless(parameters={"b": 1}, payload="debug")
            ),
            "dependencies": Half(
                asked=Requirements(
                    dependencies=DependencyRequirement(level=None, images=(ImageGlob.compile("ghcr.io/acme-base/*"),))
                ),
                without=keyless(dependencies=[Dependency(uri="docker://evil.example/x", digests={})], payload="evil"),
            ),
            "sourceLevel": Half(
                asked=Requirements(source_level=SourceLevelRequirement(level=2, summaries=(SCS,))),
                without=certified(source_repository_digest="d" * 40, payload="commit"),
                beside=(SOURCE,),
            ),
            "sbom": Half(
                asked=Requirements(sbom=SBOMRequirement(formats=frozenset(SBOMFormat), signers=None)),
                without=keyless(),
                beside=(sbom(certificate(OTHER)),),
            ),
        }.items()
    },
}


def admits(require: Requirements, alternative: Requirements, *statements: VerifiedStatement) -> bool:
    asked = policy(require=require, any_of=(alternative,))
    return finding(asked, evidence(*statements), *BUILDERS).outcome is Outcome.PASS


@pytest.mark.case("SET-001")
@pytest.mark.parametrize("part", PARTS)
def test_two_statements_never_add_up_over_a_policy_and_its_alternative(part: str) -> None:
    one, other = PARTS[part]
    halves = (one.without, other.without, *one.beside)
    for require, added in ((one.asked, other.asked), (other.asked, one.asked)):
        assert not admits(require, added, *halves)
        assert not admits(require, added, *halves[1:])
        assert not admits(require, added, halves[0], *halves[2:])
        assert admits(one.asked, one.asked, *halves)
        assert admits(other.asked, other.asked, *halves)


@pytest.mark.parametrize("part", PARTS)
def test_one_statement_that_meets_both_is_enough_beside_the_halves(part: str) -> None:
    one, other = PARTS[part]
    whole = (keyless(), sbom(), *one.beside)
    for require, added in ((one.asked, other.asked), (other.asked, one.asked)):
        assert admits(require, added, *whole)
        assert admits(require, added, *whole, one.without, other.without)
