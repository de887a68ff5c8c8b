"""Whole pieces of evidence for one image, as build platforms, scanners and verifiers attach them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from controller.core.evidence import Evidence, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.engine.gathering import Gather, GatherRequest
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate, Container
from tests.support.authority import NEW_EXTENSIONS, Leaf
from tests.support.bundles import Order, make, order
from tests.support.certificates import Span, uri
from tests.support.forms import FORMS
from tests.support.foundry import Foundry, SigningKey, encode, statement
from tests.support.instance import SIGNED, STAMPED, Instance
from tests.support.tsa import Stamp

GITHUB = "https://token.actions.githubusercontent.com"
REUSABLE = "https://github.com/acme/ci/.github/workflows/image.yml@refs/tags/v2.1.0"
BEFORE, AFTER = timedelta(minutes=2), timedelta(minutes=8)

Json = dict[str, Any]


def keyless(
    payload: bytes, identity: str = REUSABLE, *, issuer: str = GITHUB, at: datetime = SIGNED, **said: str
) -> Candidate:
    """Signed under a certificate of the instance acme; `said` are extensions by number, as in `n12=...`."""
    ordered = _ordered("v0.3 dsse", payload, identity, issuer, at, said)
    ordered.integrated = at
    return make(ordered).candidate()


def stamped(payload: bytes, identity: str, instance: Instance, **said: str) -> Candidate:
    """As an instance without logs signs it: a certificate without SCT, and a signed timestamp."""
    ordered = _ordered("v0.3 timestamp only", payload, identity, GITHUB, SIGNED, said)
    ordered.instance, ordered.issuer, ordered.chain = instance, instance.authority, (instance.authority.intermediate,)
    ordered.submissions, ordered.stamps = (), [(instance.timestamps, Stamp(at=STAMPED))]
    return make(ordered).candidate()


def _ordered(form: str, payload: bytes, identity: str, issuer: str, at: datetime, said: Mapping[str, str]) -> Order:
    numbered = {int(name.removeprefix("n")): text for name, text in said.items()}
    ordered = order(FORMS[form], payload)
    span = Span(start=at - BEFORE, end=at + AFTER)
    extensions = {**NEW_EXTENSIONS, 8: issuer, 9: identity, **numbered}
    ordered.leaf = Leaf(span=span, names=(uri(identity),), fulcio=extensions)
    return ordered


def keyed(payload: bytes, key: SigningKey) -> Candidate:
    return Foundry().bundle_layer(payload, key).candidate()


def bare(payload: bytes) -> Candidate:
    """As BuildKit writes it: nobody signed."""
    return Candidate(container=Container.STATEMENT, content=payload, digest=Digest.of(payload))


def provenance(subject: Digest, *, builder: str, build_type: str, parameters: Json, dependencies: list[Json]) -> bytes:
    definition = {"buildType": build_type, "externalParameters": parameters, "resolvedDependencies": dependencies}
    predicate = {"buildDefinition": definition, "runDetails": {"builder": {"id": builder}}}
    return encode(statement(subject, predicate=predicate))


def about(subject: object, predicate_type: str, predicate: Json) -> bytes:
    return encode(statement(subject, predicate_type=predicate_type, predicate=predicate))


def attached(*candidates: Candidate) -> Gather:
    """Stands for the registry: these hang on every image, and are verified as the real ones are."""

    async def gather(request: GatherRequest) -> Evidence:
        digest = request.reference.digest
        assert digest is not None
        statements: list[VerifiedStatement] = []
        refused: list[Refused] = []
        for one in candidates:
            judged = judge_candidate(one, subject=digest, roots=request.roots, now=request.now, keep=request.kept)
            if isinstance(judged, Refused):
                refused.append(judged)
            else:
                statements.extend(judged)
        return Evidence(digest=digest, statements=tuple(statements), refused=tuple(refused))

    return gather
