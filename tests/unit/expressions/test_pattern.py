"""Regular expressions over names: the whole text, bytes as they are, in linear time."""

import time

import pytest

from controller.expressions import RegExp, compile_pattern

VERSION = r"https://github\.com/acme/ci/\.github/workflows/image\.yml@refs/tags/v[0-9]+\.[0-9]+\.[0-9]+"
NAME = "https://github.com/acme/ci/.github/workflows/image.yml@refs/tags/"


def pattern(text: str) -> RegExp:
    compiled = compile_pattern(text)
    assert isinstance(compiled, RegExp), compiled
    return compiled


@pytest.mark.case("IDENT-001")
@pytest.mark.case("IDENT-002")
@pytest.mark.parametrize("tag", ["v1", "v1.2", "v1.2.3-rc.0", "v1.2.3+b", "1.2.3", "v1.2.3/../../evil"])
def test_what_is_no_version_tag_does_not_match(tag: str) -> None:
    assert not pattern(VERSION).matches(NAME + tag)
    assert not pattern(VERSION).matches(NAME.replace("tags/", "heads/main"))


@pytest.mark.case("IDENT-003")
def test_a_version_of_several_digits_matches() -> None:
    assert pattern(VERSION).matches(NAME + "v1.10.0")


@pytest.mark.case("IDENT-004")
@pytest.mark.parametrize("text", ["xab", "abx", "xabx", "a", ""])
def test_an_expression_without_anchors_matches_the_whole_text_only(text: str) -> None:
    assert pattern("ab").matches("ab")
    assert not pattern("ab").matches(text)
    assert not pattern("a|ab|b").matches("aba")


@pytest.mark.case("IDENT-005")
@pytest.mark.parametrize("expression", ["ab", "ab$", "^ab$", "(?m)^ab$", r"ab\z", "ab.*", "(?m)ab.?$"])
def test_a_line_end_is_a_character_like_others_and_no_dot(expression: str) -> None:
    assert pattern(expression).matches("ab")
    assert not pattern(expression).matches("ab\n")


@pytest.mark.case("IDENT-006")
def test_digits_are_ascii() -> None:
    assert pattern(r"v\d+\w").matches("v12a")
    assert not pattern(r"v\d+\w").matches("v\u0661\u0662a")
    assert not pattern(r"v\d+\w").matches("v12\u00e4")


@pytest.mark.case("IDENT-009")
@pytest.mark.parametrize(
    "expression",
    [
        "(?<=a)b",
        "a(?!b)",
        r"(a)\1",
        "a{0,1001}",
        "((a{0,100}){0,100}){0,100}",
        r"\p{L}{1000}",
        "(",
        "",
        "a" * 10_000,
        "\ud800",
    ],
)
def test_what_re2_does_not_have_is_a_problem(expression: str) -> None:
    problem = compile_pattern(expression)
    assert isinstance(problem, str)
    assert problem.isascii()
    assert problem.isprintable()


@pytest.mark.case("IDENT-010")
def test_time_is_linear() -> None:
    started = time.process_time()
    assert not pattern("(a+)+$").matches("a" * 200_000 + "b")
    assert time.process_time() - started < 3  # of the processor; backtracking would never end


@pytest.mark.case("IDENT-011")
@pytest.mark.parametrize("text", ["\u0430cme", "acme\x00", "acme\u0301", "ac\u00admc", "\ud800acme", "ACME"])
def test_what_looks_alike_is_not_the_same(text: str) -> None:
    assert not pattern("acme").matches(text)
    assert not pattern("[a-z]+").matches(text)


def test_a_pattern_is_told_as_it_was_written() -> None:
    assert str(pattern(VERSION)) == VERSION
    assert pattern("a") == pattern("a") != pattern("b")
