"""`navicert verify` on layouts: what it says, how it ends, and that it makes no connection when it must not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from controller.core.image import Digest
from controller.wire.verification import verification_schema
from tests.support.authority import IDENTITY, ISSUER
from tests.support.bundles import make, order, trusted_root
from tests.support.commands import Commands
from tests.support.forms import FORMS
from tests.support.foundry import Foundry, SigningKey, encode, provenance_predicate, statement
from tests.support.instance import INTEGRATED
from tests.support.layouts import LayoutFolder, image

REPOSITORY = "ghcr.io/acme/shop"
SHOP, OTHER = image("shop"), image("other")
DIGEST, OTHER_DIGEST = Digest.of(SHOP), Digest.of(OTHER)
SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "verification.schema.json"

Json = dict[str, Any]
Edit = Callable[[dict[str, Json]], None]


def objects(pem: str) -> dict[str, Json]:
    """A root with one key, a builder at level 3 that it speaks for, and a policy that asks for all of it."""
    key = {"publicKey": {"trustRoot": "acme", "name": "builder"}}
    specs = {
        "TrustRoot": ("acme", {"keys": [{"name": "builder", "pem": pem}]}),
        "TrustedBuilder": (
            "reusable",
            {
                "maxLevel": 3,
                "signers": [key],
                "builderID": "Listed",
                "builderIDs": ["https://ci.acme.example/builders/*"],
                "sourceFrom": "Provenance",
            },
        ),
        "ClusterSLSAPolicy": (
            "production",
            {
                "mode": "Enforce",
                "match": {"images": ["ghcr.io/acme/*"]},
                "require": {"buildLevel": 3, "sources": [{"repositories": ["https://github.com/acme/{1}"]}]},
            },
        ),
    }
    return {
        kind: {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, (name, spec) in specs.items()
    }


class Bench:
    """A folder with a layout of an attested image, one of an image that is not, and policies about both."""

    def __init__(self, path: Path, run: Commands) -> None:
        self.path, self.run = path, run
        foundry = Foundry()
        self.objects = objects(foundry.key.pem)
        self.good = f"oci:{path / 'shop'}"
        self.bad = f"oci:{path / 'other'}"
        LayoutFolder(path / "shop").add(SHOP, foundry.bundle_layer(foundry.provenance(DIGEST), foundry.key))
        LayoutFolder(path / "other").add(OTHER)

    @property
    def policy(self) -> Json:
        spec: Json = self.objects["ClusterSLSAPolicy"]["spec"]
        return spec

    def add(self, kind: str, name: str, spec: Mapping[str, Any], **metadata: object) -> None:
        version = "v1" if kind == "Namespace" else "navicert.dev/v1alpha1"
        named = {"name": name, **metadata}
        self.objects[name] = {"apiVersion": version, "kind": kind, "metadata": named, "spec": spec}

    def policies(self) -> Path:
        file = self.path / "policies.yaml"
        file.write_text(yaml.safe_dump_all(self.objects.values()))
        return file

    def verify(self, *arguments: str | Path, stands_for: str | None = REPOSITORY) -> Any:
        named = ["--as", stands_for] if stands_for else []
        return self.run("verify", "--offline", "--policies", self.policies(), *named, *arguments)

    def document(self, *arguments: str | Path) -> Any:
        return json.loads(self.verify("--output", "json", *arguments).out)

    def reasons(self, *arguments: str | Path) -> list[str]:
        return [one["reason"] for found in self.document(*arguments)["images"] for one in found["findings"]]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    home = tmp_path / "home"
    home.mkdir()
    return Bench(tmp_path, Commands(home, monkeypatch, capsys))


@pytest.mark.case("CLI-001")
def test_a_keyless_image_is_admitted_and_everything_proven_is_told(bench: Bench) -> None:
    predicate = provenance_predicate(builder_id=IDENTITY)
    evidence = order(FORMS["v0.3 dsse"], encode(statement(OTHER_DIGEST, predicate=predicate)))
    LayoutFolder(bench.path / "keyless").add(OTHER, make(evidence))
    root = bench.path / "trusted_root.json"
    root.write_text(json.dumps(trusted_root(evidence)))
    del bench.objects["TrustRoot"]
    bench.objects["TrustedBuilder"]["spec"] = {
        "maxLevel": 3,
        "signers": [{"certificate": {"issuer": ISSUER, "subject": IDENTITY}}],
        "builderID": "SameAsSigner",
        "runnerEnvironments": ["github-hosted"],
    }
    ended = bench.verify("--trusted-root", root, f"oci:{bench.path / 'keyless'}")
    assert (ended.code, ended.err) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in ended.out.splitlines()[1:7])
    assert facts["digest"] == str(OTHER_DIGEST)
    assert facts["level"] == "3"
    assert facts["builder"] == f"reusable: {IDENTITY}"
    assert facts["source"].startswith("https://github.com/acme/shop refs/tags/v1.2.3 ")
    assert IDENTITY in facts["signer"]
    assert facts["time"] == INTEGRATED.isoformat()
    assert "    pass  buildLevel\n    pass  sources\n" in ended.out


@pytest.mark.case("CLI-002")
def test_an_image_that_nobody_attested_is_refused_with_what_to_do(bench: Bench) -> None:
    ended = bench.verify(bench.bad)
    assert ended.code == 1
    assert ended.out.startswith(f"{REPOSITORY}@{OTHER_DIGEST}: refused\n")
    assert "NoProvenance" in ended.out
    assert "Attest the image after the build, in this repository." in ended.out


@pytest.mark.case("CLI-002")
@pytest.mark.parametrize("content", ["mode: [", "kind: Pod\napiVersion: v1\n", "{}", "a: 1\na: 2\n"])
def test_a_malformed_policy_file_is_a_mistake_and_no_verdict(bench: Bench, content: str) -> None:
    file = bench.path / "bad.yaml"
    file.write_text(content)
    ended = bench.run("verify", "--offline", "--policies", file, bench.good)
    assert (ended.code, ended.out) == (2, "")
    assert "bad.yaml" in ended.err


@pytest.mark.case("CLI-003")
def test_of_several_images_each_is_told_and_a_refusal_decides(bench: Bench) -> None:
    unknown = f"ghcr.io/acme/else@{DIGEST}"
    ended = bench.verify(bench.good, unknown, bench.bad)
    assert ended.code == 1
    rows = {line.split()[0]: line.split()[1] for line in ended.out.splitlines()[1:4]}
    assert rows == {
        f"{REPOSITORY}@{DIGEST}": "admitted",
        unknown: "unknown",
        f"{REPOSITORY}@{OTHER_DIGEST}": "refused",
    }
    assert bench.verify(bench.good, unknown).code == 3
    assert bench.document(bench.good, unknown)["answer"] == "unknown"


@pytest.mark.case("CLI-006")
def test_documents_have_the_documented_shape_and_nothing_else_is_on_the_stream(bench: Bench) -> None:
    published = json.loads(SCHEMA.read_text())
    assert published == verification_schema()
    bench.policy["require"]["bildLevel"] = 3
    broken = bench.document(bench.good)
    del bench.policy["require"]["bildLevel"]
    good = bench.document(bench.good, bench.bad, f"ghcr.io/acme/else@{DIGEST}")
    for document in (broken, good):
        Draft202012Validator(published).validate(document)
    assert [one["answer"] for one in good["images"]] == ["admitted", "refused", "unknown"]
    assert good["images"][0]["findings"][0]["level"] == 3
    assert broken["problems"][0]["path"] == "spec.require.bildLevel"
    assert yaml.safe_load(bench.verify("--output", "yaml", bench.good, bench.bad).out)["answer"] == "refused"


@pytest.mark.case("CLI-007")
def test_two_hundred_images_piped_are_plain_and_one_line_each(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    images = [f"quay.io/other/image-{number}@{DIGEST}" for number in range(200)]
    ended = bench.verify(*images, stands_for=None)
    assert (ended.code, ended.err) == (0, "")
    assert len(ended.out.splitlines()) == 201
    assert ended.out.isascii()
    assert "\x1b" not in ended.out


@pytest.mark.case("CLI-011")
def test_offline_what_would_need_the_network_is_unknown_and_named(bench: Bench) -> None:
    ended = bench.verify(f"ghcr.io/acme/shop@{DIGEST}", stands_for=None)
    assert ended.code == 3
    assert "ghcr.io/acme/shop is not asked: --offline forbids every connection" in ended.out
    ended = bench.run("verify", "--offline", bench.good)
    assert ended.code == 2
    assert "--policies" in ended.err


@pytest.mark.case("CLI-015")
def test_a_layout_with_two_images_needs_a_digest(bench: Bench) -> None:
    folder = LayoutFolder(bench.path / "two")
    folder.add(SHOP)
    folder.add(OTHER)
    ended = bench.verify(f"oci:{folder.path}")
    assert (ended.code, ended.out) == (2, "")
    assert str(DIGEST) in ended.err
    assert str(OTHER_DIGEST) in ended.err
    assert bench.verify(f"oci:{folder.path}@{DIGEST}").code == 1


@pytest.mark.case("CLI-016")
def test_a_layout_is_matched_and_captured_by_the_name_it_stands_for(bench: Bench) -> None:
    assert bench.verify(bench.good).code == 0
    assert bench.verify(bench.good, stands_for="ghcr.io/acme/cart").code == 1  # {1} is the cart then
    ended = bench.verify(bench.good, stands_for=None)
    assert ended.code == 0
    assert ended.out.startswith(f"localhost/shop@{DIGEST}: admitted\n")
    assert "Uncovered" in ended.out


@pytest.mark.case("CLI-017")
def test_a_policy_that_does_not_compile_is_ignorance_with_all_its_problems(bench: Bench) -> None:
    bench.policy["require"] = {"buildLevel": 3, "builders": ["nobody"], "bildLevel": 1}
    ended = bench.verify(bench.good)
    assert ended.code == 3
    assert "ClusterSLSAPolicy/production (Enforce): PolicyBroken" in ended.out
    assert "ClusterSLSAPolicy/production is broken: spec.require.bildLevel" in ended.err


@pytest.mark.parametrize("mode", ["Warn", "Audit"])
def test_what_can_not_refuse_in_a_cluster_is_a_warning(bench: Bench, mode: str) -> None:
    bench.policy["mode"] = mode
    ended = bench.verify(bench.bad)
    assert ended.code == 0
    assert ": admitted, warned\n" in ended.out
    assert "under Enforce this would refuse" in ended.out
    assert ": admitted\n" in bench.verify(bench.good).out


def test_uncovered_images_are_admitted_unless_the_setting_says_otherwise(bench: Bench) -> None:
    name = f"quay.io/other/image@{DIGEST}"
    codes = {
        choice: bench.verify("--uncovered", choice, name, stands_for=None).code for choice in ("Allow", "Warn", "Deny")
    }
    assert codes == {"Allow": 0, "Warn": 0, "Deny": 1}


def test_a_tag_is_judged_by_what_it_points_to_except_in_a_pod(bench: Bench) -> None:
    name = "ghcr.io/acme/shop:v1"
    assert "TagNotPinned" in bench.verify("--kind", "Pod", name, stands_for=None).out
    assert "RegistryUnavailable" in bench.verify(name, stands_for=None).out
    bench.policy["tags"] = "Deny"
    assert "TagNotAllowed" in bench.verify(name, stands_for=None).out


def test_labels_of_pod_and_namespace_select_policies(bench: Bench) -> None:
    bench.policy["match"]["podSelector"] = {"matchLabels": {"app": "web"}}
    assert bench.reasons("--labels", "app=web,tier=front", bench.bad) == ["NoProvenance"]
    assert bench.reasons("--labels", "app=job", bench.bad) == ["Uncovered"]
    del bench.policy["match"]["podSelector"]
    bench.policy["match"]["namespaces"] = {"selector": {"matchLabels": {"tier": "production"}}}
    assert bench.verify("--namespace", "shop", bench.good).code == 3  # nobody says what labels it has
    bench.add("Namespace", "shop", {}, labels={"tier": "production"})
    assert bench.reasons("--namespace", "shop", bench.bad) == ["NoProvenance"]
    bench.objects["shop"]["metadata"]["labels"] = {"tier": "sandbox"}
    assert bench.reasons("--namespace", "shop", bench.bad) == ["Uncovered"]


@pytest.mark.case("EXC-002")
@pytest.mark.parametrize(
    ("expires", "maximum", "code"),
    [
        ("2020-01-01T00:00:00Z", "900000h", 1),
        ("2099-01-01T00:00:00Z", "900000h", 0),
        ("2099-01-01T00:00:00Z", "2160h", 1),
    ],
    ids=["expired", "in force", "further than any may reach"],
)
def test_exceptions_are_honoured_as_in_the_cluster(bench: Bench, expires: str, maximum: str, code: int) -> None:
    named = {"kind": "ClusterSLSAPolicy", "name": "production"}
    spec = {"policies": [named], "namespaces": ["default"], "images": ["ghcr.io/acme/*"], "reason": "x"}
    bench.add("SLSAException", "legacy", {**spec, "expires": expires}, creationTimestamp="2019-12-01T00:00:00Z")
    ended = bench.verify("--exception-maximum", maximum, bench.bad)
    assert ended.code == code
    assert ("excused by SLSAException/legacy" in ended.out) == (code == 0)


def test_a_trusted_root_stands_in_and_what_must_be_shown_stays_asked(bench: Bench) -> None:
    form = FORMS["v0.3 dsse"]
    evidence = order(form, encode(statement(OTHER_DIGEST, predicate=provenance_predicate(builder_id=IDENTITY))))
    LayoutFolder(bench.path / "keyless").add(OTHER, make(evidence))
    root = bench.path / "trusted_root.json"
    root.write_text(json.dumps(trusted_root(evidence)))
    bench.objects["TrustedBuilder"]["spec"] = {
        "maxLevel": 3,
        "signers": [{"certificate": {"issuer": ISSUER, "subject": IDENTITY}}],
        "builderID": "SameAsSigner",
    }
    bench.add("TrustRoot", "sigstore", {"sigstore": {"publicGood": {}}, "require": {"signedTimestamp": True}})
    image_ = f"oci:{bench.path / 'keyless'}"
    assert bench.verify(image_).code == 1  # another instance's
    assert bench.reasons("--trusted-root", root, image_) == ["NotVerified"]
    bench.objects["sigstore"]["spec"]["require"] = {"signedTimestamp": False}
    assert bench.reasons("--trusted-root", root, image_) == ["Satisfied"]
    root.write_text("{}{}")
    ended = bench.verify("--trusted-root", root, image_)
    assert ended.code == 2
    assert "trusted_root.json" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["UPPER/case"],
        ["ghcr.io/acme/shop@sha256:12"],
        ["oci:"],
        ["oci:nowhere"],
        ["--labels", "app", "ghcr.io/acme/shop:v1"],
        ["--labels", "app=a,app=b", "ghcr.io/acme/shop:v1"],
        ["--kind", "pod", "ghcr.io/acme/shop:v1"],
        ["--output", "xml", "ghcr.io/acme/shop:v1"],
    ],
)
def test_mistakes_in_the_command_are_told_as_such(bench: Bench, arguments: list[str]) -> None:
    ended = bench.verify(*arguments, stands_for=None)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err


@pytest.mark.parametrize("name", ["ghcr.io/acme/shop:v1", "UPPER", f"ghcr.io/acme/shop@{DIGEST}", ""])
def test_a_layout_stands_for_a_repository_and_nothing_else_does(bench: Bench, name: str) -> None:
    assert bench.verify(bench.good, "--as", name, stands_for=None).code == 2
    assert bench.verify(f"ghcr.io/acme/shop@{DIGEST}").code == 2


def test_without_policies_and_cluster_the_user_is_asked_for_one(bench: Bench) -> None:
    ended = bench.run("verify", bench.good)
    assert (ended.code, ended.out) == (2, "")
    assert "by --kubeconfig (--policies needs none)" in ended.err


def test_a_signature_by_another_key_under_the_same_name_is_refused(bench: Bench) -> None:
    bench.objects["TrustRoot"]["spec"]["keys"][0]["pem"] = SigningKey().pem
    ended = bench.verify(bench.good)
    assert ended.code == 1
    assert "NotVerified" in ended.out
