"""Advice: what is allowed and probably not meant is told at its path, and nothing else is."""

from typing import Any

import pytest

from controller.wire.policy.lint import lint, unsaid
from tests.support import objects
from tests.support.objects import Document, builder, document, exception, named_key, policy

SOURCES = [{"repositories": ["https://github.com/acme/shop"]}]
GITHUB = "https://token.actions.githubusercontent.com"
IMAGES: Document = {"images": ["ghcr.io/acme/*"]}
SUMMARY: Document = {
    "verifierID": "https://v.example",
    "signers": [named_key()],
    "resourceURIs": ["{repository}"],
    "maxLevel": 3,
}


def told(source: Document) -> set[str]:
    return {one.path for one in lint(source)}


def sound(**spec: Any) -> Document:
    return policy(**{"match": IMAGES, **spec})


def test_what_is_meant_is_not_talked_about() -> None:
    assert told(sound(require={"buildLevel": 3, "sources": SOURCES})) == set()
    assert told(sound(mode="Audit", match=None, require={"buildLevel": 1})) == set()


@pytest.mark.case("SRC-040")
def test_a_level_without_a_source_is_told() -> None:
    assert told(sound(require={"buildLevel": 2})) == {"spec.require.sources"}
    assert told(sound(require={"buildLevel": 1})) == set()
    alternatives = [{"buildLevel": 3}, {"buildLevel": 3, "sources": SOURCES}]
    assert told(sound(require={"anyOf": alternatives})) == {"spec.require.anyOf[0].sources"}
    assert told(sound(require={"sources": SOURCES, "anyOf": alternatives})) == set()


@pytest.mark.case("SRC-040")
@pytest.mark.parametrize("part", ["builders", "build", "sourceLevel", "dependencies"])
def test_whatever_is_asked_of_a_build_and_not_of_its_source_is_told(part: str) -> None:
    asked = {part: objects.ALTERNATIVE[part]}
    assert told(sound(require=asked)) == {"spec.require.sources"}
    assert told(sound(require={**asked, "sources": SOURCES})) == set()
    assert told(sound(require={"signatures": [{"signers": [named_key()]}]})) == set()


def test_sources_of_every_alternative_are_sources_of_the_whole() -> None:
    alternatives = [{"buildLevel": 3, "sources": SOURCES}, {"sources": SOURCES}]
    assert told(sound(require={"builders": ["ours"], "anyOf": alternatives})) == set()
    assert told(sound(require={"builders": ["ours"], "anyOf": [*alternatives, {"buildLevel": 1}]})) == {
        "spec.require.sources"
    }


@pytest.mark.case("SUM-027")
def test_a_level_of_dependencies_without_their_names_is_told() -> None:
    asked = {"sources": SOURCES, "dependencies": {"minLevel": 1}}
    assert told(sound(require=asked)) == {"spec.require.dependencies.images"}
    assert told(sound(require={"anyOf": [asked]})) == {"spec.require.anyOf[0].dependencies.images"}
    named = {"minLevel": 1, "images": ["ghcr.io/acme-base/*"]}
    assert told(sound(require={**asked, "dependencies": named})) == set()


@pytest.mark.parametrize(
    "ref", ["main", "v*", "*", "heads/main", "refs", "ref*", "tags/**", "/refs/heads/main", "refs*"]
)
def test_a_ref_that_none_can_match_is_told(ref: str) -> None:
    sources = [{**SOURCES[0], "refs": ["refs/heads/main", ref]}]
    assert told(sound(require={"sources": sources})) == {"spec.require.sources[0].refs[1]"}


@pytest.mark.parametrize(
    "ref", ["refs/tags/v*", "**", "**/main", "*/heads/main", "re*/heads/*", "refs/**", "**s/**", "r**main"]
)
def test_a_ref_that_some_can_match_is_not_talked_about(ref: str) -> None:
    assert told(sound(require={"sources": [{**SOURCES[0], "refs": [ref]}]})) == set()


@pytest.mark.parametrize("images", [None, ["**"], ["ghcr.io/acme/*", "*/**"]])
def test_enforcing_on_every_image_is_told(images: list[str] | None) -> None:
    match = None if images is None else {"images": images}
    assert told(policy(match=match)) == {"spec.match.images"}
    assert told(policy(match=match, mode="Warn")) == set()


def test_enforcing_by_what_the_pod_says_of_itself_is_told() -> None:
    match = {**IMAGES, "podSelector": {"matchLabels": {"app": "web"}}}
    assert told(policy(match=match)) == {"spec.match.podSelector"}
    assert told(policy(match=match, mode="Audit")) == set()


@pytest.mark.case("SUM-007")
def test_summaries_that_count_for_ever_or_for_any_policy_are_told() -> None:
    assert told(sound(acceptSummaries=[SUMMARY])) == {"spec.acceptSummaries[0].maxAge"}
    wide = {**SUMMARY, "maxAge": "24h", "covers": ["buildLevel", "sources"]}
    assert told(sound(acceptSummaries=[wide])) == {"spec.acceptSummaries[0].policyURIs"}
    assert told(sound(acceptSummaries=[{**wide, "policyURIs": ["https://p.example"]}])) == set()


def test_the_newest_of_any_age_is_told() -> None:
    entry: Document = {"predicateType": "https://a.example/v1", "signers": [named_key()], "use": "Newest"}
    assert told(sound(require={"attestations": [entry]})) == {"spec.require.attestations[0].maxAge"}
    assert told(sound(require={"attestations": [{**entry, "maxAge": "24h"}]})) == set()
    assert told(sound(require={"attestations": [{**entry, "use": "Any"}]})) == set()


def test_denying_without_enforcing_is_told() -> None:
    deny = {"digests": ["sha256:" + "0" * 64]}
    assert told(sound(mode="Warn", deny=deny)) == {"spec.deny"}
    assert told(sound(deny=deny)) == set()


def test_a_namespaced_policy_that_only_reports_is_told() -> None:
    assert told(policy(namespace="shop", mode="Audit")) == {"spec.mode"}


@pytest.mark.parametrize("subject", [{"subject": "**"}, {"subjectRegExp": ".*"}])
def test_believing_everybody_is_told_wherever_signers_stand(subject: Document) -> None:
    anybody = [{"certificate": {"issuer": "https://accounts.example", **subject}}]
    require = {
        "sources": SOURCES,
        "signatures": [{"signers": anybody}],
        "sbom": {"signers": anybody},
        "attestations": [{"predicateType": "https://a.example/v1", "signers": anybody}],
        "sourceLevel": {
            "min": 2,
            "summaries": [{"verifierID": "https://v.example", "signers": anybody, "maxLevel": 3}],
        },
    }
    (field,) = subject
    places = ["signatures[0]", "sbom", "attestations[0]", "sourceLevel.summaries[0]"]
    assert told(sound(require=require)) == {f"spec.require.{place}.signers[0].certificate.{field}" for place in places}


def certified(subject: str, **spec: Any) -> Document:
    signers = [{"certificate": {"issuer": GITHUB, "subject": subject}}]
    fields: Document = {"signers": signers, "builderID": "SameAsSigner", "builderIDs": None, "sourceFrom": None}
    return builder(**{**fields, "runnerEnvironments": ["github-hosted"], **spec})


def test_a_builder_that_spans_repositories_is_told_above_level_two() -> None:
    assert told(certified("https://github.com/acme/*/.github/workflows/a.yml@refs/tags/v*")) == {
        "spec.signers[0].certificate.subject"
    }
    assert told(certified("https://github.com/**", maxLevel=2)) == set()
    assert told(certified("https://github.com/acme/ci/.github/workflows/*@refs/tags/v*")) == set()


def test_a_builder_on_anybodys_runners_is_told() -> None:
    subject = "https://github.com/acme/ci/.github/workflows/a.yml@refs/tags/v*"
    assert told(certified(subject, runnerEnvironments=None)) == {"spec.runnerEnvironments"}
    assert told(certified(subject, runnerEnvironments=None, maxLevel=1)) == set()


def test_a_builder_of_keys_that_can_never_tell_a_source_is_told() -> None:
    assert told(builder(sourceFrom=None)) == {"spec.sourceFrom"}
    assert told(builder(minimumVersion="1.0.0")) == {"spec.minimumVersion"}
    assert told(builder()) == set()


def test_keys_with_a_window_and_nobody_to_tell_the_time_are_told() -> None:
    keys = [{"name": "a", "pem": "P"}, {"name": "b", "pem": "P", "notAfter": "2027-01-01T00:00:00Z"}]
    assert told(document("TrustRoot", "a", {"keys": keys})) == {"spec.keys[1]"}
    assert told(document("TrustRoot", "a", {"keys": keys, "timeRoot": "sigstore"})) == set()


def test_exceptions_for_everybody_and_everything_are_told() -> None:
    assert told(exception()) == {"spec.images[1]"}
    wide = exception(namespaces=["*"], images=["**"], ticket=None)
    assert told(wide) == {"spec.namespaces[0]", "spec.images[0]", "spec.ticket"}


@pytest.mark.parametrize("source", [{}, policy(mode="x"), {**policy(), "spec": 7}, {**policy(), "metadata": None}])
def test_what_is_not_sound_gets_no_advice(source: Document) -> None:
    assert lint(source) == ()


@pytest.mark.parametrize("source", objects.FULL, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_advice_stands_at_fields_of_the_object(source: Document) -> None:
    assert all(one.path.startswith("spec.") and one.message for one in lint(source))


def test_a_field_without_a_value_is_told_wherever_it_stands() -> None:
    source = sound(tags=None, require={"buildLevel": 1, "builders": None, "sources": [{**SOURCES[0], "refs": None}]})
    source["spec"]["match"] = {**IMAGES, "excludeImages": None}
    assert [one.path for one in unsaid(source)] == [
        "spec.match.excludeImages",
        "spec.require.builders",
        "spec.require.sources[0].refs",
        "spec.tags",
    ]
    assert unsaid(sound(require={"buildLevel": 1})) == unsaid({"spec": None}) == ()


def test_what_is_too_large_or_too_deep_is_not_searched_for_fields_without_a_value() -> None:
    deep: Any = None
    for _ in range(9000):
        deep = [deep]
    assert unsaid({"spec": {"a": deep, "b": None}}) == unsaid({"spec": {"b": None}})
    assert unsaid({"spec": {"a": [None] * 20_000, "b": None}}) == ()


@pytest.mark.parametrize(
    ("pattern", "advised"),
    [
        (r"https://github.com/acme/ci/.*", True),
        (r"https://github\.com/acme/ci/\.github/workflows/image.yml@refs/tags/v.*", True),
        (r"https://github\.com/acme/ci/\.github/workflows/image\.yml@refs/tags/v[0-9.]+", False),
        (r"https://github[.]com/acme/.*", False),
    ],
)
def test_a_dot_that_stands_for_any_character_is_told(pattern: str, *, advised: bool) -> None:
    named = {"certificate": {"issuer": GITHUB, "subjectRegExp": pattern}}
    path = "spec.require.signatures[0].signers[0].certificate.subjectRegExp"
    assert told(sound(require={"signatures": [{"signers": [named]}]})) == ({path} if advised else set())


def test_an_issuer_that_is_no_address_is_told() -> None:
    named = {"certificate": {"issuer": "token.actions.githubusercontent.com", "subject": "https://github.com/acme/ci"}}
    assert told(sound(require={"signatures": [{"signers": [named]}]})) == {
        "spec.require.signatures[0].signers[0].certificate.issuer"
    }
