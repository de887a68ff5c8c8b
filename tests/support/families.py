"""An index of two children, and judging it."""

from dataclasses import replace

from controller.core.evidence import Evidence, Gap, VerifiedStatement
from controller.core.image import Digest
from controller.core.policy import Policy
from controller.core.reasons import Reason
from controller.core.verdict import Finding
from tests.support.facts import (
    D,
    finding,
    policy,
)
from tests.support.keylessfacts import (
    EXPECTED,
    keyless,
    workflow,
)

AMD, ARM = Digest.of(b"amd64"), Digest.of(b"arm64")
DOWN = Gap(reason=Reason.RegistryUnavailable, detail="503")


def child(digest: Digest, *statements: VerifiedStatement, gaps: tuple[Gap, ...] = ()) -> Evidence:
    platform = "linux/amd64" if digest == AMD else "linux/arm64"
    return Evidence(digest=digest, platform=platform, statements=statements, gaps=gaps)


def index(*statements: VerifiedStatement, children: tuple[Evidence, ...] = (), gaps: tuple[Gap, ...] = ()) -> Evidence:
    return Evidence(digest=D, statements=statements, children=children, gaps=gaps)


def built(digest: Digest, statement: VerifiedStatement | None = None) -> Evidence:
    return child(digest, replace(statement or keyless(), subject=digest))


def judged(found: Evidence, asked: Policy | None = None) -> Finding:
    return finding(asked or policy(build=EXPECTED), found, workflow())


def reason(found: Evidence, asked: Policy | None = None) -> Reason:
    return judged(found, asked).reason
