import pytest

from controller.core.image import Repository
from controller.core.patterns import ImageGlob, MalformedPattern
from controller.core.source import SourceTemplate, captures_of, normalise_source

SHOP = (ImageGlob.compile("ghcr.io/acme/*"),)


def accepts(expected: str, actual: str, *, image: str = "ghcr.io/acme/shop") -> bool:
    found = normalise_source(actual)
    template = SourceTemplate.compile(expected, SHOP)
    captures = captures_of(SHOP, Repository.parse(image))
    return found is not None and any(template.accepts(found, one) for one in captures)


@pytest.mark.case("REF-014")
def test_the_captured_name_lands_in_the_repository() -> None:
    assert accepts("https://github.com/acme/{1}", "https://github.com/acme/shop")
    assert not accepts("https://github.com/acme/{1}", "https://github.com/acme/cart")


@pytest.mark.case("SRC-001")
@pytest.mark.parametrize(
    "actual",
    [
        "https://github.com/acme/shop-evil",
        "https://github.com/evilacme/shop",
        "https://github.com/acme/shop/x",
        "https://github.com.evil.example/acme/shop",
        "https://evil.example/github.com/acme/shop",
        "https://github.com:444/acme/shop",
    ],
)
def test_a_neighbour_of_the_repository_is_another_repository(actual: str) -> None:
    assert not accepts("https://github.com/acme/{1}", actual)


@pytest.mark.case("SRC-002")
@pytest.mark.parametrize(
    "actual",
    [
        "git+https://github.com@evil.example/acme/shop",
        "https://github.com/acme%2Fshop",
        "https://github.com/acme/../acme/shop",
        "https://github.com/acme//shop",
        "https://github.com/acme/./shop",
        "https://github.com/acme/shop?x",
        "https://github.com/acme/shop#x",
        "https://github.com/acme/shop\n",
        "https://github.com\\acme/shop",
        "https:///acme/shop",
    ],
)
def test_a_url_that_plays_tricks_is_no_repository(actual: str) -> None:
    assert normalise_source(actual) is None


@pytest.mark.case("SRC-003")
def test_exactly_one_git_suffix_and_one_slash_make_no_difference() -> None:
    for actual in ("https://github.com/acme/shop.git", "https://github.com/acme/shop/", "https://github.com/acme/shop"):
        assert accepts("https://github.com/acme/shop", actual)
        assert accepts(actual, "https://github.com/acme/shop")
    assert not accepts("https://github.com/acme/shop", "https://github.com/acme/shop.git.git")
    assert not accepts("https://github.com/acme/shop", "https://github.com/acme/shop//")


@pytest.mark.case("SRC-004")
def test_case_matters_in_what_is_written_and_not_in_what_is_captured_on_forges_that_ignore_it() -> None:
    assert not accepts("https://github.com/acme/shop", "https://github.com/Acme/shop")
    assert accepts("https://github.com/acme/{1}", "https://github.com/acme/Shop")
    assert not accepts("https://github.com/acme/{1}", "https://github.com/Acme/shop")
    assert not accepts("https://git.acme.example/acme/{1}", "https://git.acme.example/acme/Shop")


@pytest.mark.case("SRC-004")
def test_only_ascii_letters_have_a_case_that_makes_no_difference() -> None:
    template = SourceTemplate.compile("https://github.com/acme/{1}", (ImageGlob.compile("ghcr.io/acme/*"),))
    assert template.accepts("https://github.com/acme/Kart", ("kart",))
    assert not template.accepts("https://github.com/acme/\N{KELVIN SIGN}art", ("kart",))


@pytest.mark.case("SRC-005")
@pytest.mark.parametrize("scheme", ["git+http", "http", "git+ssh", "ssh", "git", "file"])
def test_other_schemes_are_not_compared(scheme: str) -> None:
    assert not accepts("https://github.com/acme/shop", f"{scheme}://github.com/acme/shop")


@pytest.mark.case("SRC-006")
@pytest.mark.parametrize(
    "expected", ["github.com/acme/shop", "https://github.com/acme/shop", "git+https://github.com/acme/shop"]
)
def test_three_spellings_of_an_expectation_are_one(expected: str) -> None:
    assert accepts(expected, "git+https://github.com/acme/shop")


@pytest.mark.parametrize("expected", ["acme/shop", "shop", "acme/{1}"])
def test_an_expectation_without_a_host_is_a_mistake(expected: str) -> None:
    with pytest.raises(MalformedPattern, match="the first component is the host"):
        SourceTemplate.compile(expected, SHOP)
    assert SourceTemplate.compile("https://git/acme/shop", SHOP).text


@pytest.mark.case("REF-015")
@pytest.mark.parametrize("captured", ["a@b", "a#b", "a?b", "a%2fb", "a:b", "..", "a/../b", "", "a b"])
def test_captured_text_that_is_more_than_a_name_accepts_nothing(captured: str) -> None:
    template = SourceTemplate.compile("https://github.com/acme/{1}", (ImageGlob.compile("ghcr.io/acme/**"),))
    assert not template.accepts(f"https://github.com/acme/{captured}", (captured,))


@pytest.mark.case("REF-016")
def test_a_placeholder_without_its_wildcard_is_a_mistake() -> None:
    with pytest.raises(MalformedPattern, match="2 wildcard"):
        SourceTemplate.compile("https://github.com/acme/{2}", SHOP)
    with pytest.raises(MalformedPattern, match="1 wildcard"):
        SourceTemplate.compile("https://github.com/acme/{1}", ())


@pytest.mark.case("REF-017")
def test_any_glob_that_matches_lends_its_captures() -> None:
    globs = (ImageGlob.compile("ghcr.io/acme/*"), ImageGlob.compile("ghcr.io/acme/sh*"))
    template = SourceTemplate.compile("https://github.com/acme/{1}", globs)
    captures = captures_of(globs, Repository.parse("ghcr.io/acme/shop"))
    accepted = {
        name
        for name in ("shop", "op", "cart")
        for one in captures
        if template.accepts(f"https://github.com/acme/{name}", one)
    }
    assert accepted == {"shop", "op"}


@pytest.mark.case("REF-018")
def test_a_capture_across_slashes_keeps_them_and_stands_at_the_end_only() -> None:
    globs = (ImageGlob.compile("ghcr.io/**"),)
    template = SourceTemplate.compile("https://github.com/{1}", globs)
    assert template.accepts("https://github.com/acme/team/shop", ("acme/team/shop",))
    with pytest.raises(MalformedPattern, match="end of the path"):
        SourceTemplate.compile("https://github.com/{1}/x", globs)


@pytest.mark.parametrize(
    "text",
    [
        "https://{1}/acme/shop",
        "https://x.{1}/acme",
        "https://GitHub.com/a/b",
        "ssh://github.com/a/b",
        "https://github.com",
        "https://github.com/a/*",
        "",
    ],
)
def test_a_template_that_is_no_repository_is_a_mistake(text: str) -> None:
    with pytest.raises(MalformedPattern):
        SourceTemplate.compile(text, SHOP)
