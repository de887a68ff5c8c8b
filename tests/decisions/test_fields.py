"""Every field of the API decides: two decisions that differ in its value alone come out differently."""

from collections.abc import Mapping
from importlib.resources import files

import pytest

from controller.trust.root import PUBLIC_GOOD
from tests.decisions.test_decisions import answered, decided
from tests.support.decisions import Json, base, read_case
from tests.support.fields import Pair, fields, read_pairs

PAIRS = read_pairs()
PUBLIC: Mapping[str, Json] = {
    "publicGood": {"publicGood": {}, "trustedRoot": None},
    "its content": {"trustedRoot": {"inline": (files("controller.trust") / "data" / PUBLIC_GOOD).read_text()}},
}
UNDECIDED: Mapping[str, str] = {
    # Refused under it is decided below. What it admits would have to be signed by the public instance, about an image
    # of ours; what others published there is not ours to keep here.
    "Sigstore.publicGood": "nothing here is signed by the public instance",
}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.case.name)
async def test_the_value_of_the_field_alone_decides(pair: Pair) -> None:
    expected = pair.case.expected
    verdict = await decided(pair.case)
    reasons = {one.reason.name for one in verdict.findings if one.refuses}
    assert (verdict.allowed, sorted(reasons)) == (expected["allowed"], expected["findings"])
    response = await answered(pair.case)
    assert response["allowed"] is expected["allowed"]
    if not verdict.allowed:
        assert response["status"]["code"] == expected["code"]
        assert reasons.pop() in response["status"]["message"]


@pytest.mark.parametrize("sigstore", PUBLIC.values(), ids=PUBLIC)
async def test_the_public_instance_is_not_believed_for_what_another_signed(sigstore: Json) -> None:
    change = {"kind": "TrustRoot", "name": "sigstore", "spec": {"sigstore": sigstore}}
    document: Json = {"says": "signed under another root", "evidence": [{"provenance": {}, "by": {}}], "expected": {}}
    assert (await decided(read_case("believed", document, base()))).allowed
    verdict = await decided(read_case("public", document | {"change": [change]}, base()))
    assert (verdict.code, [one.reason.name for one in verdict.findings]) == (403, ["NotVerified"])


def test_every_field_admits_and_refuses() -> None:
    admits, refuses = (
        {pair.field for pair in PAIRS if pair.case.expected["allowed"] is allowed} for allowed in (True, False)
    )
    assert sorted(fields() - (admits & refuses)) == sorted(UNDECIDED)
