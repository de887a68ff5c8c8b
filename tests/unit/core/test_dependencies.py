"""Images that an image was built from."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from controller.core.dependencies import wanted_dependencies
from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest
from controller.core.patterns import ImageGlob
from controller.core.policy import Policy
from controller.core.provenance import Dependency, Provenance, SourceClaim
from controller.core.reasons import Reason
from controller.core.recorded import image_dependencies
from controller.core.requirements import BuildRequirement, DependencyRequirement, Requirements
from controller.core.verdict import Finding
from tests.support.facts import evidence, finding, policy, question
from tests.support.keylessfacts import certificate, keyless, workflow

BASE = Digest.of(b"base")
RECORDING = replace(workflow(), records_dependencies=True)
SOURCE = Dependency(uri="git+https://github.com/acme/shop@refs/tags/v1.2.3", digests={"gitCommit": "c" * 40})


def dependency(uri: str, **digests: str) -> Dependency:
    return Dependency(uri=uri, digests=digests)


DEBIAN = dependency("pkg:docker/ghcr.io/acme-base/debian@12?platform=linux%2Famd64", sha256=BASE.hex)
ATTESTED: Mapping[Digest, Evidence] = {BASE: Evidence(digest=BASE, statements=(keyless(subject=BASE),))}


def asking(level: int | None = 1, *images: str) -> Policy:
    globs = tuple(ImageGlob.compile(text) for text in images)
    return policy(
        require=Requirements(
            build=BuildRequirement(level=3), dependencies=DependencyRequirement(level=level, images=globs)
        )
    )


def judged(
    asked: Policy, *recorded: Dependency, known: Mapping[Digest, Evidence] = ATTESTED, records: bool = True
) -> Finding:
    builder = RECORDING if records else workflow()
    return finding(asked, evidence(keyless(dependencies=recorded)), builder, dependencies=known)


@pytest.mark.case("SUM-014")
def test_dependencies_that_are_recorded_allowed_and_attested_are_enough() -> None:
    assert judged(asking(1, "ghcr.io/acme-base/*"), SOURCE, DEBIAN).reason is Reason.Satisfied
    assert judged(asking(3, "ghcr.io/acme-base/*"), SOURCE, DEBIAN).reason is Reason.Satisfied
    assert judged(asking(3, "ghcr.io/acme-base/*"), SOURCE).reason is Reason.Satisfied


@pytest.mark.case("SUM-027")
def test_a_dependency_outside_of_the_images_that_are_allowed_proves_nothing() -> None:
    found = judged(asking(1, "ghcr.io/acme/*"), DEBIAN)
    assert found.reason is Reason.DependencyLevelTooLow
    assert "none of the images" in found.detail
    assert judged(asking(None, "ghcr.io/acme/*"), DEBIAN).reason is Reason.DependencyLevelTooLow
    assert judged(asking(None, "ghcr.io/acme-base/*"), DEBIAN, known={}).reason is Reason.Satisfied


@pytest.mark.case("SUM-027")
def test_a_dependency_of_no_known_repository_is_none_of_any_images() -> None:
    nowhere = dependency("pkg:oci/debian", sha256=BASE.hex)
    assert judged(asking(1, "**"), nowhere).reason is Reason.DependencyLevelTooLow
    assert judged(asking(1), nowhere).reason is Reason.Satisfied


@pytest.mark.case("SUM-028")
def test_what_a_builder_does_not_record_is_unknown_and_not_none() -> None:
    assert judged(asking(), records=False).reason is Reason.DependencyLevelTooLow
    assert judged(asking(None), records=False).reason is Reason.DependencyLevelTooLow


def test_a_dependency_of_which_nothing_is_at_hand_is_unknown() -> None:
    assert judged(asking(), DEBIAN, known={}).reason is Reason.DependencyLevelTooLow
    assert judged(asking(), replace(DEBIAN, digests={})).reason is Reason.DependencyLevelTooLow
    assert judged(asking(), DEBIAN, known={BASE: Evidence(digest=BASE)}).reason is Reason.DependencyLevelTooLow
    gap = Gap(reason=Reason.RegistryUnavailable, detail="503")
    down = judged(asking(), DEBIAN, known={BASE: Evidence(digest=BASE, gaps=(gap,))})
    assert down.reason is Reason.RegistryUnavailable


@pytest.mark.parametrize(
    "statement",
    [
        keyless(certificate("https://evil.example"), subject=BASE),
        replace(keyless(subject=BASE), signer=None),
        keyless(subject=BASE, source=SourceClaim(repository="https://github.com/evil/shop")),
    ],
)
def test_a_dependencys_level_is_by_a_trusted_builder_or_none(statement: object) -> None:
    known = {BASE: Evidence(digest=BASE, statements=(statement,))}  # type: ignore[arg-type]
    assert judged(asking(1), DEBIAN, known=known).reason is Reason.DependencyLevelTooLow


def test_every_dependency_must_reach_the_level() -> None:
    other = Digest.of(b"other")
    second = dependency("pkg:docker/alpine@3", sha256=other.hex)
    assert judged(asking(), DEBIAN, second).reason is Reason.DependencyLevelTooLow
    both = {**ATTESTED, other: Evidence(digest=other, statements=(keyless(subject=other),))}
    assert judged(asking(), DEBIAN, second, known=both).reason is Reason.Satisfied


def test_a_dependency_that_is_an_index_may_be_attested_child_by_child() -> None:
    children = tuple(
        Evidence(digest=one, statements=(keyless(subject=one),)) for one in (Digest.of(b"1"), Digest.of(b"2"))
    )
    index = Evidence(digest=BASE, children=children)
    assert judged(asking(3), DEBIAN, known={BASE: index}).reason is Reason.Satisfied
    half = replace(index, children=(children[0], Evidence(digest=Digest.of(b"3"))))
    assert judged(asking(1), DEBIAN, known={BASE: half}).reason is Reason.DependencyLevelTooLow
    unread = replace(index, children=children[:1], unread=(Digest.of(b"2"),))
    assert judged(asking(1), DEBIAN, known={BASE: unread}).reason is Reason.DependencyLevelTooLow


@pytest.mark.parametrize(
    ("uri", "repository", "pinned"),
    [
        ("pkg:docker/alpine@3.20?platform=linux%2Famd64", "docker.io/library/alpine", False),
        ("pkg:docker/ghcr.io/acme/base@1", "ghcr.io/acme/base", False),
        (f"pkg:docker/acme/base@sha256%3A{BASE.hex}?repository_url=gcr.io", "gcr.io/acme/base", True),
        (f"pkg:docker/acme/base@1?digest=sha256:{BASE.hex}", "docker.io/acme/base", True),
        (f"pkg:oci/base@sha256%3A{BASE.hex}?repository_url=ghcr.io/acme/base&tag=1", "ghcr.io/acme/base", True),
        (f"pkg:oci/base@sha256%3A{BASE.hex}", None, True),
        (f"PKG:Docker/acme/base@sha256:{BASE.hex}", "docker.io/acme/base", True),
        ("pkg:docker/", None, False),
        ("pkg:docker/ghcr.io/ACME/base@1", None, False),
        (f"ghcr.io/acme/base@sha256:{BASE.hex}", "ghcr.io/acme/base", True),
        (f"https://ghcr.io/acme/base@sha256:{BASE.hex}", "ghcr.io/acme/base", True),
        (f"oci://ghcr.io/acme/base@sha256:{BASE.hex}", "ghcr.io/acme/base", True),
        ("docker://ghcr.io/acme/base:1", "ghcr.io/acme/base", False),
        ("ghcr.io/acme/base@sha256:short", "ghcr.io/acme/base", False),
    ],
)
def test_images_are_told_by_their_uris(uri: str, repository: str | None, *, pinned: bool) -> None:
    (found,) = image_dependencies(listing(dependency(uri)))
    assert str(found.repository) == str(repository)
    assert found.digest == (BASE if pinned else None)


@pytest.mark.parametrize(
    "uri",
    [
        "git+https://github.com/acme/shop@refs/heads/main",
        "git+ssh://git@github.com/acme/shop",
        "GIT://example.com/acme/shop",
        "hg+https://example.com/acme/shop",
        "pkg:npm/left-pad@1",
        "pkg:deb/debian/curl@7?arch=amd64",
        "https://x.example/a.tgz",
        "https://x.example/a/b-1.2.tar.gz?token=a",
        "gs://acme_cloudbuild/source/1.tgz#1700000000",
    ],
)
def test_what_is_certainly_no_image_is_not_judged_as_one(uri: str) -> None:
    assert image_dependencies(listing(dependency(uri, sha256=BASE.hex))) == ()
    elsewhere = replace(dependency("", sha256=BASE.hex), uri=None, download_location=uri)
    assert image_dependencies(listing(elsewhere)) == ()


@pytest.mark.parametrize("uri", ["https://github.com/acme/shop/commit/" + "c" * 40, "ssh://git@example.com/shop", None])
def test_what_has_digests_of_commits_only_is_no_image(uri: str | None) -> None:
    for algorithm in ("sha1", "gitCommit"):
        commit = Dependency(uri=uri, digests={algorithm: "c" * 40})
        assert image_dependencies(listing(commit)) == ()
        both = replace(commit, digests={**commit.digests, "sha256": BASE.hex})
        assert len(image_dependencies(listing(both))) == 1


@pytest.mark.case("SUM-028")
@pytest.mark.parametrize(
    "uri",
    [
        "docker.io/evil/base:1",
        "docker.io/acme-base/debian",
        "debian:12",
        "https://gcr.io/evil/base:1",
        "http://gcr.io/evil/base",
        "https://gcr.io/evil/base.tgz:1",
        "https://ghcr.io/evil/base@sha256:" + "0" * 64,
        "git+https://ghcr.io/evil/base@sha256:" + "0" * 64,
        "https://ghcr.io/evil/base@sha256:" + "0" * 64 + "/a.tgz",
        "container://ghcr.io/acme-base/debian",
        "registry://ghcr.io/acme-base/debian",
        "oci-image://ghcr.io/acme-base/debian",
        "docker-daemon:ghcr.io/acme-base/debian:1",
        "file:///var/lib/debian.oci",
        "gs://bucket/debian",
        "pkg:",
        "pkg:d%6fcker/evil/base@1",
        "pkg:docker",
        "?",
        "",
    ],
)
def test_what_may_be_an_image_is_one_that_was_not_allowed(uri: str) -> None:
    described = dependency("git+https://github.com/acme/shop", sha256=BASE.hex)
    for one in (dependency(uri, sha256=BASE.hex), replace(described, download_location=uri or "?")):
        found = judged(asking(None, "ghcr.io/acme-base/*"), one)
        assert found.reason is Reason.DependencyLevelTooLow


@pytest.mark.case("SUM-028")
@pytest.mark.parametrize(
    "kind", ["oci.image.index.v1", "oci.image.manifest.v1", "docker.distribution.manifest.list.v2"]
)
def test_the_media_type_of_an_image_makes_one_of_whatever_it_is_written_for(kind: str) -> None:
    for one in (SOURCE, replace(SOURCE, uri=None), dependency("pkg:npm/left-pad@1", sha256=BASE.hex)):
        typed = replace(one, media_type=f"application/vnd.{kind}+json", name="ghcr.io/acme-base/debian:12")
        assert judged(asking(None, "ghcr.io/acme-base/*"), one).reason is Reason.Satisfied or one.uri is None
        assert judged(asking(None, "ghcr.io/acme-base/*"), typed).reason is Reason.DependencyLevelTooLow


def test_an_image_that_is_downloaded_as_another_is_neither() -> None:
    assert judged(asking(None, "ghcr.io/acme-base/*"), DEBIAN).reason is Reason.Satisfied
    moved = replace(DEBIAN, download_location="docker://evil.example/x")
    assert judged(asking(None, "ghcr.io/acme-base/*"), moved).reason is Reason.DependencyLevelTooLow
    same = replace(DEBIAN, download_location="docker://ghcr.io/acme-base/debian")
    assert judged(asking(None, "ghcr.io/acme-base/*"), same).reason is Reason.Satisfied


@pytest.mark.case("SUM-028")
def test_dependencies_that_are_not_all_listed_are_unknown() -> None:
    whole = keyless(dependencies=(DEBIAN,))
    assert whole.provenance is not None
    partial = replace(whole, provenance=replace(whole.provenance, dependencies_complete=False))
    found = finding(asking(), evidence(partial), RECORDING, dependencies=ATTESTED)
    assert found.reason is Reason.DependencyLevelTooLow
    assert "not complete" in found.detail
    assert finding(asking(), evidence(whole), RECORDING, dependencies=ATTESTED).reason is Reason.Satisfied


def test_two_digests_of_one_dependency_are_none() -> None:
    (found,) = image_dependencies(listing(dependency(f"ghcr.io/a/b@sha256:{BASE.hex}", sha256="0" * 64)))
    assert found.digest is None


@pytest.mark.case("SUM-015")
def test_only_what_could_matter_is_wanted_and_nothing_beyond_the_first_depth() -> None:
    built = keyless(dependencies=(DEBIAN, SOURCE, dependency("pkg:docker/ghcr.io/evil/x@1", sha256="0" * 64)))
    found = evidence(built)

    def wanted(asked: Policy, known: Mapping[Digest, Evidence] | None = None) -> list[str]:
        return [str(one) for one in wanted_dependencies((asked,), question(found, RECORDING, dependencies=known))]

    assert wanted(asking(1, "ghcr.io/acme-base/*")) == [f"ghcr.io/acme-base/debian@{BASE}"]
    assert wanted(asking(None, "ghcr.io/acme-base/*")) == []
    assert wanted(asking(1, "ghcr.io/acme-base/*"), ATTESTED) == []
    deeper = dependency("docker://ghcr.io/acme-base/scratch", sha256="1" * 64)
    nested = {BASE: Evidence(digest=BASE, statements=(keyless(subject=BASE, dependencies=(deeper,)),))}
    assert wanted(asking(1, "ghcr.io/acme-base/*"), nested) == []
    assert judged(asking(1), DEBIAN, known=nested).reason is Reason.Satisfied
    assert wanted(policy()) == []
    assert wanted_dependencies((asking(),), question(found, workflow())) == ()


def listing(one: Dependency) -> Provenance:
    return Provenance(builder_id="b", build_type="t", source=SourceClaim(), dependencies=(one,))


@pytest.mark.case("SUM-027")
@pytest.mark.parametrize(
    "uri",
    [
        "docker://evil.example/x",
        "DOCKER://evil.example/x",
        "Docker-Image://evil.example/x",
        "HTTPS://evil.example/x@SHA256:" + "0" * 64,
        "PKG:docker/evil@12",
        "OCI://evil.example/x",
    ],
)
def test_schemes_of_images_have_no_case(uri: str) -> None:
    found = judged(asking(None, "ghcr.io/acme-base/*"), dependency(uri, sha256=BASE.hex))
    assert found.reason is Reason.DependencyLevelTooLow


@pytest.mark.case("SUM-027")
@pytest.mark.parametrize("scheme", ["https://", "docker://", "OCI://"])
def test_an_address_that_can_be_read_as_two_images_is_neither(scheme: str) -> None:
    twofold = dependency(f"{scheme}ghcr.io/acme-base/ok@evil.example/x@sha256:{BASE.hex}", sha256=BASE.hex)
    assert judged(asking(None, "ghcr.io/acme-base/*"), twofold).reason is Reason.DependencyLevelTooLow
    (image,) = image_dependencies(
        Provenance(builder_id="b", build_type="t", source=SourceClaim(), dependencies=(twofold,))
    )
    assert (image.repository, image.digest) == (None, None)
