import pytest

from controller.core.image import Repository
from controller.core.patterns import Glob, ImageGlob, MalformedPattern


def matches(glob: str, name: str) -> bool:
    return ImageGlob.compile(glob).matches(Repository.parse(name))


@pytest.mark.case("REF-003")
def test_the_first_component_matches_the_host_only() -> None:
    assert not matches("ghcr.io/acme/*", "evil.example/ghcr.io/acme/shop")
    assert not matches("*/acme/*", "evil.example/ghcr.io/acme/shop")


@pytest.mark.case("REF-004")
def test_a_neighbour_whose_name_begins_alike_is_not_meant() -> None:
    assert not matches("ghcr.io/acme/*", "ghcr.io/acme-evil/x")
    assert not matches("ghcr.io/acme*", "ghcr.io/acme-evil/x")


@pytest.mark.case("REF-005")
def test_one_star_stays_in_its_component_and_two_cross() -> None:
    assert not matches("ghcr.io/acme/*", "ghcr.io/acme/team/shop")
    assert matches("ghcr.io/acme/**", "ghcr.io/acme/team/shop")
    assert matches("**", "ghcr.io/acme/team/shop")


@pytest.mark.case("REF-001")
def test_a_docker_hub_glob_matches_every_spelling() -> None:
    assert matches("docker.io/nginx", "nginx")
    assert matches("index.docker.io/library/*", "docker.io/nginx")


@pytest.mark.case("REF-011")
def test_an_ipv6_host_is_matched_literally() -> None:
    assert matches("[::1]:5000/*", "[::1]:5000/x")
    assert not matches("[::1]:5000/*", "[::2]:5000/x")


@pytest.mark.case("REF-013")
@pytest.mark.parametrize("glob", ["ghcr.io/acme/?", "ghcr.io/[a-z]/x", "ghcr.io/{a,b}", "ghcr.io/acme/{1}"])
def test_only_stars_are_special(glob: str) -> None:
    with pytest.raises(MalformedPattern, match="no meaning"):
        ImageGlob.compile(glob)


@pytest.mark.parametrize(
    ("glob", "told"),
    [
        ("ghcr.io/acme/shop:latest", "leave out ':'"),
        ("ghcr.io/acme/*@sha256:abc", "leave out '@'"),
        ("https://ghcr.io/acme/*", "no scheme"),
    ],
)
def test_a_glob_that_is_no_repositorys_is_told_what_to_leave_out(glob: str, told: str) -> None:
    with pytest.raises(MalformedPattern, match=told):
        ImageGlob.compile(glob)


@pytest.mark.parametrize(
    "glob", ["nginx", "acme/x", "ghcr.io/", "ghcr.io/Acme/*", "**/x", "ghcr.io/a***", "ghcr.io/x:latest", "", "*" * 9]
)
def test_a_glob_that_can_match_no_normalised_name_is_a_mistake(glob: str) -> None:
    with pytest.raises(MalformedPattern):
        ImageGlob.compile(glob)


def test_captures_are_numbered_from_the_host_on_and_as_short_as_they_can_be() -> None:
    glob = ImageGlob.compile("*.acme.example/*/app-*-*")
    assert glob.captures(Repository.parse("r.acme.example/team/app-a-b-c")) == ("r", "team", "a", "b-c")


@pytest.mark.case("SRC-009")
def test_a_ref_glob_stops_at_slashes() -> None:
    assert not Glob.compile("refs/heads/*").matches("refs/heads/release/1.x")
    assert Glob.compile("refs/heads/**").matches("refs/heads/release/1.x")


@pytest.mark.case("SIGN-031")
def test_a_star_in_a_builder_id_does_not_reach_across_a_slash() -> None:
    glob = Glob.compile("https://b.example/x@refs/tags/v*")
    assert glob.matches("https://b.example/x@refs/tags/v1")
    assert not glob.matches("https://b.example/x@refs/tags/v1/../../evil")


def test_a_glob_matches_the_whole_text() -> None:
    assert not Glob.compile("refs/tags/v1").matches("refs/tags/v1\n")
    assert not Glob.compile("refs/tags/v*").matches("x refs/tags/v1")


def test_hostile_patterns_and_texts_are_matched_in_bounded_steps() -> None:
    assert not Glob.compile("a*a*a*a*a*a*a*b").matches("a" * 4096)
