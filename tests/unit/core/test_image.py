import pytest

from controller.core.errors import MalformedReference
from controller.core.image import Digest, ImageReference, Repository
from controller.core.patterns import ImageGlob

HEX = "a" * 64


@pytest.mark.case("REF-001")
@pytest.mark.parametrize("name", ["nginx", "library/nginx", "docker.io/nginx", "index.docker.io/library/nginx"])
def test_every_spelling_of_a_docker_hub_image_is_one_repository(name: str) -> None:
    assert str(ImageReference.parse(name)) == "docker.io/library/nginx:latest"


@pytest.mark.case("REF-002")
@pytest.mark.parametrize(
    "host", ["GHCR.IO", "ghcr.io.", "ghcr.io:443", "Ghcr.io.:443", "ghcr.io:0443", "ghcr.io:00443"]
)
def test_case_trailing_dot_and_default_port_of_a_host_mean_nothing(host: str) -> None:
    assert Repository.parse(f"{host}/acme/shop") == Repository("ghcr.io", "acme/shop")


@pytest.mark.case("REF-002")
def test_the_other_names_of_docker_hub_mean_docker_hub() -> None:
    for host in ("registry-1.docker.io", "index.docker.io:443", "REGISTRY-1.docker.io."):
        assert Repository.parse(f"{host}/acme/shop") == Repository("docker.io", "acme/shop")


@pytest.mark.parametrize("port", ["0", "65536", "99999", "\u00b2", "\u0663", "\uff15\uff10\uff10\uff10", "9" * 4000])
def test_a_port_that_is_none_makes_the_reference_malformed(port: str) -> None:
    with pytest.raises(MalformedReference):
        ImageReference.parse(f"ghcr.io:{port}/acme/shop")


@pytest.mark.case("REF-002")
@pytest.mark.case("REF-010")
@pytest.mark.parametrize("host", ["registry.", "registry:443", "REGISTRY:0443", "registry.:443"])
def test_a_name_that_is_a_host_by_its_port_alone_keeps_it(host: str) -> None:
    repository = ImageReference.parse(f"{host}/shop:1").repository
    assert repository == Repository.parse(str(repository)) == Repository("registry:443", "shop")
    assert ImageGlob.compile(f"{host}/*").matches(repository)
    assert not ImageGlob.compile("docker.io/registry/*").matches(repository)


@pytest.mark.case("REF-002")
@pytest.mark.parametrize("glob", ["*-registry/*", "*-registry:443/*", "eu*y/*", "eu*try:443/**", "*/shop"])
def test_a_glob_of_hosts_is_about_a_host_whichever_way_it_comes_to_the_usual_port(glob: str) -> None:
    for host in ("eu-registry:443", "eu-registry.", "eu.my-registry", "eu.my-registry:443"):
        assert ImageGlob.compile(glob).matches(ImageReference.parse(f"{host}/shop").repository), host
    assert not ImageGlob.compile("*-registry:443/*").matches(Repository.parse("eu-registry:5000/shop"))


@pytest.mark.case("REF-002")
@pytest.mark.parametrize("host", ["ghcr.io:443.", "ghcr.io:443:443", "ghcr.io:5000.:443", "[::1]:443.", "[::1]."])
def test_what_would_be_another_host_when_read_again_is_none(host: str) -> None:
    with pytest.raises(MalformedReference):
        ImageReference.parse(f"{host}/acme/shop")


@pytest.mark.parametrize("text", [HEX, f"sha256:{HEX}"])
def test_the_id_of_an_image_on_the_node_is_no_reference(text: str) -> None:
    with pytest.raises(MalformedReference, match="local image"):
        ImageReference.parse(text)


@pytest.mark.case("REF-006")
def test_a_digest_beside_a_tag_is_kept_and_decides() -> None:
    reference = ImageReference.parse(f"ghcr.io/acme/shop:v1@sha256:{HEX}")
    assert (reference.tag, reference.digest) == ("v1", Digest(HEX))


@pytest.mark.case("REF-007")
@pytest.mark.parametrize(
    "digest",
    [
        f"sha512:{HEX}",
        f"sha256:{HEX}\n",
        "sha256:abc",
        f"sha256:{HEX.upper()}",
        f"sha512:{HEX * 2}",
        f"sha256:{HEX}@sha256:{HEX}",
        "",
        f"{HEX}",
    ],
)
def test_a_digest_that_is_not_one_makes_the_reference_malformed(digest: str) -> None:
    with pytest.raises(MalformedReference):
        ImageReference.parse(f"ghcr.io/acme/shop@{digest}")


@pytest.mark.case("REF-008")
@pytest.mark.parametrize(
    "text",
    ["ghcr.io/" + "a" * 4096, "ghcr.io/a\nb", "ghcr.io/a\x1b[31m", "ghcr.io/a\u202eb", "ghcr.io/a:\x00", "ghcr.io/a\n"],
)
def test_hostile_text_is_refused_and_never_quoted(text: str) -> None:
    with pytest.raises(MalformedReference) as caught:
        ImageReference.parse(text)
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 400


@pytest.mark.case("REF-009")
@pytest.mark.parametrize(
    "text", ["ghcr.io/Acme/shop", "ghcr.io//shop", "/acme/shop", "ghcr.io/../shop", "ghcr.io/a/", "ghcr.io/a..b/c", ""]
)
def test_a_path_that_no_registry_serves_is_malformed(text: str) -> None:
    with pytest.raises(MalformedReference):
        ImageReference.parse(text)


@pytest.mark.case("REF-010")
def test_a_first_component_is_a_host_only_with_dot_port_or_localhost() -> None:
    assert Repository.parse("localhost:5000/x") == Repository("localhost:5000", "x")
    assert Repository.parse("localhost/x") == Repository("localhost", "x")
    assert Repository.parse("team/x") == Repository("docker.io", "team/x")
    assert Repository.parse("team:5000/x") == Repository("team:5000", "x")


@pytest.mark.case("REF-011")
def test_an_ipv6_literal_with_port_is_a_host() -> None:
    assert Repository.parse("[2001:DB8::1]:5000/x") == Repository("[2001:db8::1]:5000", "x")


@pytest.mark.parametrize("text", ["a:", "a:t:t", "ghcr.io/a:-x", "ghcr.io/a:" + "t" * 129])
def test_a_tag_that_is_not_one_makes_the_reference_malformed(text: str) -> None:
    with pytest.raises(MalformedReference):
        ImageReference.parse(text)


def test_a_digest_is_exactly_its_digits() -> None:
    with pytest.raises(MalformedReference):
        Digest(HEX + "\n")


def test_a_digest_is_that_of_the_bytes() -> None:
    assert str(Digest.of(b"{}")) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
