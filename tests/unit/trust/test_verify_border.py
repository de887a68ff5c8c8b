"""Where a reader fails at a candidate in a way that nobody thought of: a refusal, and nothing more."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.core.errors import NotVerified
from controller.core.evidence import Kind
from controller.trust.artifact import Artifact, Identity, VerifiedBundle, verify_bundle
from controller.trust.root import compile_sigstore
from controller.wire.trustedroot import parse_trusted_root
from tests.support.authority import IDENTITY, ISSUER
from tests.support.bundles import Order, make, order, trusted_root
from tests.support.forms import FORMS
from tests.support.foundry import Foundry, encode, provenance_predicate, statement
from tests.support.instance import JUDGED
from tests.support.judging import SUBJECT, proven, refused
from tests.support.rooting import roots_for


class Unreadable(Mapping[str, str]):
    """Annotations at which whoever reads them fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getitem__(self, key: str) -> str:
        raise self._error

    def __iter__(self) -> Iterator[str]:
        raise self._error

    def __len__(self) -> int:
        return 1


ERRORS = [
    ValueError("\u202e"),
    OverflowError(),
    RecursionError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_candidate_at_which_a_reader_fails_is_refused(error: Exception) -> None:
    foundry = Foundry()
    candidate = foundry.signature_layer(foundry.simple_signing(SUBJECT)).candidate()
    proven(candidate, foundry.roots)
    found = refused(replace(candidate, annotations=Unreadable(error)), foundry.roots)
    assert (found.detail, found.kind, found.step) == ("it can't be read", Kind.IMAGE_SIGNATURE, 0)


def ordered() -> Order:
    """A bundle of v0.1 with its chain, which may be anything: an authority of the root issued the leaf directly."""
    return order(FORMS["v0.1 dsse"], encode(statement(SUBJECT, predicate=provenance_predicate())))


def bundle_verified(wanted: Order, now: datetime) -> VerifiedBundle:
    return verify_bundle(
        make(wanted).content,
        artifact=Artifact(digest=SUBJECT),
        by=Identity(issuer=ISSUER, subject=IDENTITY),
        sigstore=compile_sigstore(parse_trusted_root(json.dumps(trusted_root(wanted)))),
        now=now,
    )


def test_a_bundle_at_which_a_reader_fails_is_not_verified() -> None:
    assert bundle_verified(ordered(), JUDGED).signing.times
    with pytest.raises(NotVerified, match=r"^it can't be read$"):
        bundle_verified(ordered(), datetime.max.replace(tzinfo=UTC))  # a day later is no time any more


@pytest.mark.case("PARSE-011")
def test_a_chain_with_a_name_that_is_no_text_is_refused() -> None:
    """The library reads names only when somebody asks for them."""
    wanted = ordered()
    (good,) = wanted.chain
    place = good.index(b"fulcio")
    wanted.chain = (good[:place] + b"\xff" + good[place + 1 :],)
    said = "a name in a certificate of the chain can't be read"
    with pytest.raises(NotVerified, match=said):
        bundle_verified(wanted, JUDGED)
    assert said in refused(make(wanted).candidate(), roots_for(wanted)).detail
