"""The catalogue of builders: everything in it compiles, cites its claim, and believes no more than it says."""

import re
from pathlib import Path

import pytest

from controller.core.matchers import CertificateMatcher
from controller.core.slsa import TrustedBuilder
from controller.engine.linking import Snapshot
from controller.engine.policies import PolicyStore
from controller.trust.root import Require
from controller.wire.policy import KINDS, parse_objects
from controller.wire.policy.lint import lint
from tests.support import objects

CATALOGUE = Path(__file__).resolve().parents[2] / "charts" / "navicert" / "catalogue"
FILES = sorted(CATALOGUE.glob("*.yaml"))
BUILDERS = [path for path in FILES if path.name != "trust-roots.yaml"]
LEVELS = {
    "github-attestations": 2,
    "github-attestations-private": 2,
    "github-generator-container": 3,
    "gitlab": 2,
    "google-cloud-build": 3,
    "tekton-chains": 2,
}
PLACEHOLDER = re.compile(r"-----BEGIN PUBLIC KEY-----\n\s+FILL-IN-THE-KEY-OF-\S+\n\s+-----END PUBLIC KEY-----\n")


def filled_in(path: Path) -> str:
    """The file with a key of its own for each placeholder."""

    def key(_: re.Match[str]) -> str:
        return objects.new_pem().replace("\n", "\n      ").rstrip() + "\n"

    return PLACEHOLDER.sub(key, path.read_text())


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    sources = [one for path in FILES for one in parse_objects(filled_in(path), path.name)]
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [one for one in sources if one["kind"] == kind])
    document = (CATALOGUE.parents[2] / "controller" / "trust" / "data").glob("public_good_*.json")
    texts = {"trusted_root.json": next(document).read_text()}
    store.apply_config_map({"metadata": {"name": "github-trusted-root"}, "data": texts})
    found = store.current()
    assert found is not None
    return found


def builder(snapshot: Snapshot, name: str) -> TrustedBuilder:
    return snapshot.policies.builders[name]


def matches(one: TrustedBuilder, subject: str) -> bool:
    return any(isinstance(signer, CertificateMatcher) and signer.subject.matches(subject) for signer in one.signers)


def test_everything_compiles_and_is_worth_what_it_claims(snapshot: Snapshot) -> None:
    assert snapshot.problems == {}
    assert {name: one.max_level for name, one in snapshot.policies.builders.items()} == LEVELS


@pytest.mark.parametrize("path", BUILDERS, ids=lambda path: path.stem)
def test_every_builder_cites_its_claim(path: Path) -> None:
    comment = path.read_text().partition("apiVersion:")[0]
    assert re.search(r"^# Claim: ", comment, re.MULTILINE)
    assert re.search(r"^# https://\S+$", comment, re.MULTILINE)
    assert f"`{path.name}`" in (CATALOGUE / "README.md").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_in_it_gets_advice(path: Path) -> None:
    assert [lint(one) for one in parse_objects(filled_in(path), path.name) if lint(one)] == []


@pytest.mark.case("IDENT-002")
@pytest.mark.case("IDENT-003")
def test_the_generator_speaks_at_full_version_tags_only(snapshot: Snapshot) -> None:
    one = builder(snapshot, "github-generator-container")
    workflow = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
    assert matches(one, f"{workflow}@refs/tags/v2.1.0")
    assert matches(one, f"{workflow}@refs/tags/v1.10.0")
    for ref in ("refs/heads/main", "refs/tags/v2", "refs/tags/v2.1.0-rc.1", "refs/tags/v2.1.0\n", "refs/tags/x"):
        assert not matches(one, f"{workflow}@{ref}")
    assert not matches(one, f"{workflow.replace('slsa-framework', 'evil')}@refs/tags/v2.1.0")
    assert not matches(one, f"{workflow.replace('github.com', 'githubxcom')}@refs/tags/v2.1.0")
    assert one.builder_ids is None


@pytest.mark.case("SRC-014")
@pytest.mark.parametrize("name", ["github-generator-container", "github-attestations", "github-attestations-private"])
def test_builds_of_strangers_pull_requests_are_not_believed(snapshot: Snapshot, name: str) -> None:
    one = builder(snapshot, name)
    assert one.triggers == {"push", "create", "release", "workflow_dispatch"}
    assert one.runner_environments == {"github-hosted"}


def test_any_workflow_of_github_and_any_pipeline_of_gitlab_and_nothing_else(snapshot: Snapshot) -> None:
    github, gitlab = builder(snapshot, "github-attestations"), builder(snapshot, "gitlab")
    assert matches(github, "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/feature/x")
    assert not matches(github, "https://github.com/acme/shop/evil/.github/workflows/release.yml@refs/heads/main")
    assert not matches(github, "https://github.com/acme/shop/.github/workflows/a/release.yml@refs/heads/main")
    assert matches(gitlab, "https://gitlab.com/acme/team/shop//.gitlab-ci.yml@refs/heads/main")
    assert not matches(gitlab, "https://gitlab.com/acme/shop/.gitlab-ci.yml@refs/heads/main")


def test_each_instance_is_believed_for_itself(snapshot: Snapshot) -> None:
    assert builder(snapshot, "github-attestations").trust_roots == {"sigstore"}
    assert builder(snapshot, "github-attestations-private").trust_roots == {"github"}
    assert snapshot.roots.roots["github"].require == Require(signed_timestamp=True)
    assert snapshot.roots.roots["sigstore"].require == Require.of_sigstore()
