"""Any text is an image reference, a pattern, a source, or clearly none; and what is read reads the same again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import MalformedReference
from controller.core.image import ImageReference, Repository
from controller.core.patterns import Glob, ImageGlob, MalformedPattern
from controller.core.source import normalise_source
from controller.core.text import printable

near = st.text(alphabet="abAB019./:@-_*{}[]?%\n\u202e", max_size=60)
hosts = st.builds(
    "{}{}".format,
    st.sampled_from(["ghcr.io", "GHCR.IO", "index.docker.io", "registry", "[::1]"]),
    st.lists(st.sampled_from([":", "443", "0", "5000", "."]), max_size=5).map("".join),
)
anything = st.one_of(st.text(max_size=200), near)


@pytest.mark.case("REF-008")
@given(st.one_of(anything, hosts.map("{}/acme/shop".format)))
def test_a_reference_is_read_or_malformed_and_reads_the_same_again(text: str) -> None:
    reference, refusal = parsed(text)
    assert refusal.isascii()
    assert refusal == "" or refusal.isprintable()
    assert reference is None or ImageReference.parse(str(reference)) == reference


def parsed(text: str) -> tuple[ImageReference | None, str]:
    try:
        return ImageReference.parse(text), ""
    except MalformedReference as error:
        return None, str(error)


@given(anything)
def test_a_glob_compiles_or_says_why_and_matches_itself_when_literal(text: str) -> None:
    try:
        glob = ImageGlob.compile(text)
    except MalformedPattern:
        return
    if not glob.wildcards:
        assert glob.matches(Repository(glob.host.text, glob.path.text))


@given(st.lists(st.sampled_from(["*", "**", "a", "b/", "/"]), min_size=1, max_size=7), near)
def test_captures_put_back_give_the_text(tokens: list[str], text: str) -> None:
    try:
        glob = Glob.compile("".join(tokens))
    except MalformedPattern:
        return
    captures = glob.captures(text)
    if captures is None:
        return
    filled = iter(captures)
    assert "".join(next(filled) if token.startswith("*") else token for token in glob.tokens) == text
    for wildcard, captured in zip(glob.wildcards, captures, strict=True):
        assert wildcard == "**" or "/" not in captured


@given(anything)
def test_a_normalised_source_is_plain_and_stays_itself_or_loses_one_more_suffix(text: str) -> None:
    found = normalise_source(text)
    if found is not None:
        assert found.startswith("https://")
        assert not set(found) & set("@?#%\\ \n")


@given(st.text())
def test_printable_text_is_printable_and_bounded(text: str) -> None:
    shown = printable(text, limit=50)
    assert shown.isascii()
    assert shown == "" or shown.isprintable()
    assert len(shown) <= 50
