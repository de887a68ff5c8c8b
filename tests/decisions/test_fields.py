"""Every field of the API decides: two decisions that differ in its value alone come out differently."""

from collections.abc import Mapping

import pytest

from tests.decisions.test_decisions import answered, decided
from tests.support.fields import Pair, fields, read_pairs

PAIRS = read_pairs()
UNDECIDED: Mapping[str, str] = {
    "Sigstore.publicGood": "nothing here is signed by the public instance: that it refuses all else is in sigstore",
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


def test_every_field_admits_and_refuses() -> None:
    admits, refuses = (
        {pair.field for pair in PAIRS if pair.case.expected["allowed"] is allowed} for allowed in (True, False)
    )
    assert sorted(fields() - (admits & refuses)) == sorted(UNDECIDED)
