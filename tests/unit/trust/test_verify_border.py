"""Where a reader fails at a candidate in a way that nobody thought of: a refusal, and nothing more."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from controller.core.evidence import Kind
from tests.support.foundry import Foundry
from tests.support.judging import SUBJECT, proven, refused


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
