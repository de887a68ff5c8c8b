"""The setting `registries`: what it says, and every problem at its place."""

import ipaddress
from typing import Any

import pytest

from controller.core.errors import MalformedDocument
from controller.core.image import Repository
from controller.wire.registries import parse_registries

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def names(*repositories: Repository | None) -> list[str]:
    return [str(repository) for repository in repositories]


def test_mirrors_keep_the_path_below_their_own() -> None:
    places = ["mirror.example", "Cache.example:5000/hub"]
    registries = parse_registries([{"host": "docker.io", "mirrors": places}])
    mirrors = registries.mirrors(Repository.parse("nginx"))
    assert names(*mirrors) == ["mirror.example/library/nginx", "cache.example:5000/hub/library/nginx"]
    assert registries.mirrors(Repository.parse("ghcr.io/acme/shop")) == ()


def test_a_mirror_whose_name_would_be_too_long_is_left_out() -> None:
    registries = parse_registries([{"host": "a.example", "mirrors": ["mirror.example/" + "m" * 60]}])
    assert registries.mirrors(Repository("a.example", "p" * 230)) == ()


def test_a_mirror_and_a_place_of_evidence_are_configured_with_their_host() -> None:
    entry = {"host": "a.example", "mirrors": ["m.example:5000/x"], "evidenceRepository": "e.example/signatures"}
    registries = parse_registries([entry])
    assert all(registries.configured(host) for host in ("a.example", "m.example:5000", "e.example"))
    assert not any(registries.configured(host) for host in ("m.example", "x", "e.example:5000"))


@pytest.mark.case("REG-005")
def test_evidence_may_have_a_repository_of_its_own() -> None:
    registries = parse_registries([{"host": "a.example", "evidenceRepository": "E.example/Signatures".lower()}])
    assert names(registries.evidence_repository(Repository.parse("a.example/app"))) == ["e.example/signatures"]
    assert registries.evidence_repository(Repository.parse("b.example/app")) is None


def test_ranges_of_private_addresses() -> None:
    registries = parse_registries([{"host": "a.example", "privateAddresses": ["10.1.0.0/16", "fc00::/7"]}])
    networks = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fc00::/7"))
    assert registries.private_addresses("a.example") == networks
    assert registries.private_addresses("b.example") is None


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"caBundle": "x"}, "registries[0].caBundle"),
        ({"caBundle": PEM + "-----BEGIN PRIVATE KEY-----"}, "registries[0].caBundle"),
        ({"caBundle": PEM, "plainHTTP": True}, "plainHTTP"),
        ({"clientCertificate": {"cert": "a"}}, "registries[0].clientCertificate.key"),
        ({"clientCertificate": {"cert": "a", "key": ""}}, "registries[0].clientCertificate.key"),
        ({"mirrors": ["https://m.example"]}, "registries[0].mirrors[0]"),
        ({"mirrors": ["m.example", "m.example//x"]}, "registries[0].mirrors[1]"),
        ({"mirrors": ["m.example/../x"]}, "registries[0].mirrors[0]"),
        ({"mirrors": ["m.example"] * 9}, "registries[0].mirrors"),
        ({"evidenceRepository": "e.example"}, "registries[0].evidenceRepository"),
        ({"privateAddresses": ["10.1.2.3/16"]}, "registries[0].privateAddresses[0]"),
        ({"privateAddresses": ["ten"]}, "registries[0].privateAddresses[0]"),
        ({"rateLimit": 0}, "registries[0].rateLimit"),
        ({"rateLimit": float("nan")}, "registries[0].rateLimit"),
        ({"rateLimit": "5"}, "registries[0].rateLimit"),
        ({"username": "u"}, "registries[0].username"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_problem_is_told_at_its_place(entry: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_registries([{"host": "a.example"} | entry])
    assert place in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_registries([{"host": "a.example", "rateLimit": 0}, {"host": "", "mirrors": "m.example"}])
    assert all(place in str(caught.value) for place in ("[0].rateLimit", "[1].host", "[1].mirrors"))
