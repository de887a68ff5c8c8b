"""The release workflow, read: what it makes is what manifests/navicert-itself.yaml asks for, and nothing in it can go.

It runs on a forge alone, so no test here runs it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / ".github" / "workflows" / "release.yml"
TEXT = FILE.read_text()
POLICY = yaml.safe_load((ROOT / "manifests" / "navicert-itself.yaml").read_text())
VALUES = ROOT / "charts" / "navicert" / "values.yaml"
BUILDER = yaml.safe_load((ROOT / "charts/navicert/catalogue/github-generator-container.yaml").read_text())
GENERATOR = "slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
DIGEST = "${{ steps.build.outputs.digest }}"
PERMISSIONS = {
    "image": {"contents": "read", "packages": "write", "id-token": "write"},
    "provenance": {"actions": "read", "id-token": "write", "packages": "write"},
    "chart": {"contents": "read", "packages": "write", "id-token": "write"},
}
ACTIONS = {
    "image": [
        *("actions/checkout", "docker/setup-qemu-action", "docker/setup-buildx-action", "sigstore/cosign-installer"),
        *("docker/login-action", "", "docker/build-push-action", "anchore/sbom-action", ""),
    ],
    "chart": ["actions/checkout", "sigstore/cosign-installer", "docker/login-action", ""],
}
WITH: dict[str, dict[str, Any]] = {
    "actions/checkout": {"persist-credentials": False},
    "docker/login-action": {
        "registry": "ghcr.io",
        "username": "${{ github.actor }}",
        "password": "${{ secrets.GITHUB_TOKEN }}",
    },
    "docker/build-push-action": {
        "context": ".",
        "file": "Containerfile",
        "platforms": "linux/amd64,linux/arm64",
        "push": True,
        "tags": "${{ env.IMAGE }}:${{ steps.version.outputs.version }}",
        "provenance": False,
        "sbom": False,
    },
    "anchore/sbom-action": {
        "image": f"${{{{ env.IMAGE }}}}@{DIGEST}",
        "format": "spdx-json",
        "output-file": "sbom.spdx.json",
        "upload-artifact": False,
    },
}
PROVENANCE_WITH = {
    "image": "ghcr.io/${{ github.repository }}",
    "digest": "${{ needs.image.outputs.digest }}",
    "registry-username": "${{ github.actor }}",
}
SIGNING = (
    'cosign sign --yes "$REFERENCE"\ncosign attest --yes --type spdxjson --predicate sbom.spdx.json "$REFERENCE"\n'
)
PUBLISHING = (
    'sed -i "s|^  digest: \\"\\"|  digest: \\"$DIGEST\\"|" charts/navicert/values.yaml',
    'helm package charts/navicert --version "$version" --app-version "$version"',
    'helm push "navicert-$version.tgz" "oci://$CHARTS"',
    "cosign sign --yes \"$CHARTS/navicert@$(sed -n 's/^Digest: //p' pushed)\"",
)

Workflow = dict[Any, Any]
Way = tuple[str | int, ...]


def name(step: Workflow) -> str:
    """The action of a step, without its commit; empty for a script."""
    return str(step.get("uses", "")).partition("@")[0]


def wrong(flow: Workflow) -> list[str]:
    """What of a release is not there, or otherwise than it has to be."""
    jobs = flow.get("jobs", {})
    found = [] if flow.get(True) == {"push": {"tags": ["v*"]}} else ["what starts it"]
    found += [] if flow.get("permissions") == {} else ["permissions of all jobs"]
    found += [] if flow.get("env") == {"IMAGE": "ghcr.io/${{ github.repository }}"} else ["the image's name"]
    found += [
        f"permissions of {job}" for job, asked in PERMISSIONS.items() if jobs.get(job, {}).get("permissions") != asked
    ]
    for job, actions in ACTIONS.items():
        steps = jobs.get(job, {}).get("steps", [])
        found += [] if [name(step) for step in steps] == actions else [f"steps of {job}"]
        found += [name(step) for step in steps if step.get("with", {}) != WITH.get(name(step), {})]
    return found + [what for what, holds in wiring(jobs) if not holds]


def wiring(jobs: Workflow) -> Iterator[tuple[str, bool]]:
    """That each job is about the digest that the first one made, and comes after it."""
    image, provenance, chart = (jobs.get(job, {}) for job in ("image", "provenance", "chart"))
    scripts = {step.get("id", "last"): step for step in image.get("steps", ()) if "run" in step}
    built = [step.get("id") for step in image.get("steps", ()) if name(step) == "docker/build-push-action"]
    yield "the build's id", built == ["build"]
    yield "the digest", image.get("outputs") == {"digest": DIGEST}
    yield "the version", "GITHUB_REF_NAME#v" in scripts.get("version", {}).get("run", "")
    yield "signature and SBOM", scripts.get("last", {}).get("run") == SIGNING
    yield "what is signed", scripts.get("last", {}).get("env") == {"REFERENCE": f"${{{{ env.IMAGE }}}}@{DIGEST}"}
    yield "provenance", provenance.get("uses", "").partition("@")[0] == GENERATOR
    yield "provenance's order", provenance.get("needs") == "image"
    yield "provenance's subject", provenance.get("with") == PROVENANCE_WITH
    yield "provenance's password", provenance.get("secrets") == {"registry-password": "${{ secrets.GITHUB_TOKEN }}"}
    yield "the chart's order", chart.get("needs") == ["image", "provenance"]
    yield "runners", {image.get("runs-on"), chart.get("runs-on")} == {"ubuntu-24.04"}
    publishing = chart.get("steps", [{}])[-1]
    named = {"DIGEST": "${{ needs.image.outputs.digest }}", "CHARTS": "ghcr.io/${{ github.repository_owner }}/charts"}
    yield "the chart's names", publishing.get("env") == named
    yield "the chart", all(line in publishing.get("run", "") for line in PUBLISHING)


def paths(tree: Any, above: Way = ()) -> Iterator[Way]:
    """The way to everything in a document that can be taken out of it."""
    members = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in members:
        yield (*above, key)
        yield from paths(value, (*above, key))


def without(tree: Workflow, path: Sequence[str | int]) -> Workflow:
    changed: Any = copy.deepcopy(tree)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    taken: Workflow = changed
    return taken


FLOW: Workflow = yaml.safe_load(TEXT)


def test_a_release_builds_signs_and_attests_what_it_pushed() -> None:
    assert wrong(FLOW) == []


@pytest.mark.parametrize(
    "path", [path for path in paths(FLOW) if path != ("name",)], ids=lambda path: ".".join(map(str, path))
)
def test_nothing_of_it_can_be_taken_out(path: Way) -> None:
    assert wrong(without(FLOW, path)) != []


def test_every_action_is_named_by_its_commit_and_the_generator_by_its_version() -> None:
    """The version is part of the generator's identity, which a commit would not show."""
    used = re.findall(r"^ *(?:- )?uses: (\S+)(.*)$", TEXT, re.MULTILINE)
    assert len(used) == TEXT.count("uses: ")
    tagged = [action for action, _ in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)]
    assert [action.partition("@")[0] for action in tagged] == [GENERATOR]
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", comment) for action, comment in used if action not in tagged)
    (signer,) = (one["certificate"] for one in BUILDER["spec"]["signers"])
    identity = f"https://github.com/{tagged[0].replace('@', '@refs/tags/')}"
    assert re.fullmatch(signer["subjectRegExp"], identity)


def test_the_policy_asks_for_what_this_workflow_makes() -> None:
    spec = POLICY["spec"]
    repository = yaml.safe_load(VALUES.read_text())["image"]["repository"]
    assert spec["match"]["images"] == [repository]
    home = f"https://github.com/{repository.removeprefix('ghcr.io/')}"
    here = str(FILE.relative_to(ROOT))
    (source,) = spec["require"]["sources"]
    tags = [f"refs/tags/{tag}" for tag in FLOW[True]["push"]["tags"]]
    assert source == {"repositories": [home], "refs": tags, "entryPoints": [here], "triggers": ["push"]}
    assert spec["require"]["builders"] == [BUILDER["metadata"]["name"]]
    signers = [one["certificate"]["subject"] for one in spec["require"]["sbom"]["signers"]]
    signers += [one["certificate"]["subject"] for each in spec["require"]["signatures"] for one in each["signers"]]
    assert set(signers) == {f"{home}/{here}@{tags[0]}"}


def test_the_released_chart_names_the_image_by_digest() -> None:
    _, pattern, instead, _ = PUBLISHING[0].replace('\\"', '"').split("|")
    changed, count = re.subn(pattern, instead, VALUES.read_text(), flags=re.MULTILINE)
    assert count == 1
    assert yaml.safe_load(changed)["image"]["digest"] == "$DIGEST"
