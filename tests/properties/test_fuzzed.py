"""What fuzzing holds against every parser, briefly: it starts where parsers read, and nothing foreign comes out."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import ALLOWED, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_reads_what_its_fuzzing_starts_from(name: str) -> None:
    target = TARGETS[name]
    read = 0
    for seed in target.seeds():
        with contextlib.suppress(*ALLOWED):
            target.parse(seed)
            read += 1
    assert read


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # of negative serial numbers
@given(data=st.data())
def test_whatever_is_spliced_into_it_is_read_or_malformed(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    seed = data.draw(st.sampled_from(target.seeds()))
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, len(seed)))
    target.feed(seed[:start] + data.draw(st.binary(max_size=8)) + seed[end:])
