"""Compiling single objects: what a sound one becomes, and everything wrong with a broken one at once."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from controller.core.errors import MalformedPolicy, Problem
from controller.core.image import Digest, Repository
from controller.core.policy import BrokenPolicy, Mode, Policy, Tags
from controller.core.slsa import SourceFrom, TrustedBuilder
from controller.wire.policy import (
    BrokenObject,
    BuilderReference,
    InlineKey,
    KeyReference,
    RequireSpec,
    SigstoreSpec,
    UnlinkedRoot,
    compile_builder,
    compile_exception,
    compile_policy,
    compile_root,
)
from tests.support import objects
from tests.support.objects import Document, builder, named_key, policy, root


def problems(source: Document) -> dict[str, str]:
    kind = source["kind"]
    compiles: Any = {"TrustedBuilder": compile_builder, "TrustRoot": compile_root, "SLSAException": compile_exception}
    compiled = compiles.get(kind, compile_policy)(source)
    compiled = getattr(compiled, "policy", None) or getattr(compiled, "builder", None) or compiled
    return {one.path: one.message for one in getattr(compiled, "problems", ())}


def trust_root(**spec: Any) -> Document:
    return objects.document("TrustRoot", "a", spec)


def sound(source: Document) -> Policy:
    compiled = compile_policy(source).policy
    assert isinstance(compiled, Policy), compiled
    return compiled


def test_a_policy_becomes_what_it_says() -> None:
    spec: Document = {
        "mode": "Warn",
        "match": {"images": ["ghcr.io/acme/*"], "namespaces": {"names": ["shop", "pay-*"]}},
        "tags": "Allow",
        "deny": {"digests": ["sha256:" + "0" * 64]},
        "require": {
            "buildLevel": 3,
            "builders": ["reusable", "other"],
            "sources": [{"repositories": ["https://github.com/acme/{1}"], "refs": ["refs/tags/v*"]}],
            "signatures": [
                {"signers": [named_key(), {"publicKey": {"pem": "P"}}], "threshold": 2, "repository": "Match"}
            ],
        },
    }
    references = compile_policy(policy(**spec)).references
    compiled = sound(policy(**spec))
    assert (compiled.mode, compiled.tags, str(compiled.name)) == (Mode.WARN, Tags.ALLOW, "ClusterSLSAPolicy/production")
    assert compiled.deny == {Digest.parse("sha256:" + "0" * 64)}
    assert [glob.text for glob in compiled.match.namespaces] == ["shop", "pay-*"]
    assert compiled.require is not None
    build = compiled.require.build
    assert build is not None
    assert (build.level, build.builders) == (3, frozenset({"reusable", "other"}))
    source = build.sources[0]
    captures = compiled.match.images[0].captures(Repository.parse("ghcr.io/acme/shop"))
    assert captures is not None
    assert source.repositories[0].accepts("https://github.com/acme/shop", captures)
    assert source.refs[0].matches("refs/tags/v1")
    path = "spec.require.signatures[0].signers"
    assert references == (
        BuilderReference(name="reusable", path="spec.require.builders[0]"),
        BuilderReference(name="other", path="spec.require.builders[1]"),
        KeyReference(trust_root="acme", name="release", path=f"{path}[0].publicKey"),
        InlineKey(pem="P", path=f"{path}[1].publicKey.pem"),
    )
    signature = compiled.require.signatures[0]
    assert (signature.threshold, signature.match_repository) == (2, True)
    assert [getattr(one, "path", None) for one in signature.signers] == [one.path for one in references[2:]]


def test_defaults_are_those_of_the_api() -> None:
    compiled = sound(policy(require={"signatures": [{"signers": [named_key()]}]}))
    assert compiled.require is not None
    assert (compiled.tags, compiled.require.build, compiled.any_of) == (Tags.PIN, None, ())
    signature = compiled.require.signatures[0]
    assert (signature.threshold, signature.match_repository) == (1, False)


def test_an_explicit_null_is_an_absent_field() -> None:
    nulls: Document = {"tags": None, "deny": None, "match": None, "acceptSummaries": None}
    assert sound(policy(**nulls, require={"buildLevel": 2, "sources": None, "sbom": None})) == sound(
        policy(require={"buildLevel": 2})
    )


@pytest.mark.case("POL-024")
@pytest.mark.parametrize("asked", [{"tags": "Deny"}, {"deny": {"digests": ["sha256:" + "0" * 64]}}])
def test_summaries_that_stand_in_for_nothing_are_refused(asked: Document) -> None:
    accepted = objects.POLICY["acceptSummaries"]
    assert set(problems(policy(**asked, acceptSummaries=accepted, require=None))) == {"spec.acceptSummaries"}
    assert not sound(policy(**asked, require=None)).wanted


def test_a_null_label_is_not_left_out() -> None:
    found = problems(policy(match={"podSelector": {"matchLabels": {"app": None}}}))
    assert "spec.match.podSelector.matchLabels.app" in found


@pytest.mark.case("POL-001")
def test_all_problems_are_told_at_once_with_their_paths() -> None:
    spec: Document = {
        "mode": "Enforc",
        "match": {"images": ["ghcr.io/acme/*?", "acme"], "podSelector": {"matchLabels": {"a b": "c"}}},
        "require": {
            "buildLevel": "3",
            "sources": [{"repositories": ["https://github.com/acme/*"], "refs": []}],
            "signatures": [{"signers": [{}], "threshold": 4}],
        },
    }
    found = problems(policy(**spec))
    assert set(found) == {
        "spec.mode",
        "spec.match.images[0]",
        "spec.match.images[1]",
        "spec.match.podSelector.matchLabels[a b]",
        "spec.require.buildLevel",
        "spec.require.sources[0].refs",
        "spec.require.signatures[0].signers[0]",
        "spec.require.signatures[0].threshold",
    }
    assert found["spec.mode"] == "must be 'Enforce', 'Warn' or 'Audit'"


@pytest.mark.case("POL-001")
@pytest.mark.parametrize(
    ("template", "images"),
    [
        ("https://github.com/acme/{2}", ["ghcr.io/acme/*"]),
        ("https://github.com/acme/{1}", None),
        ("https://{1}/acme/shop", ["*/acme/shop"]),
        ("https://github.com/acme/*", ["ghcr.io/acme/*"]),
        ("http://github.com/acme/shop", ["ghcr.io/acme/*"]),
    ],
)
def test_a_source_that_can_not_be_meant_is_told(template: str, images: list[str] | None) -> None:
    source = policy(
        match=images and {"images": images}, require={"sources": [{"repositories": ["https://a/b", template]}]}
    )
    assert set(problems(source)) == {"spec.require.sources[0].repositories[1]"}


@pytest.mark.case("POL-005")
@pytest.mark.parametrize(
    ("spec", "path", "hint"),
    [
        ({"macth": {}}, "spec.macth", "did you mean match?"),
        ({"match": {"imagse": ["**"]}}, "spec.match.imagse", "did you mean images?"),
        ({"require": {"buildlevel": 3}}, "spec.require.buildlevel", "did you mean buildLevel?"),
        (
            {"require": {"sources": [{"repositories": ["https://a/b"], "ref": ["x"]}]}},
            "spec.require.sources[0].ref",
            "did you mean refs?",
        ),
        (
            {"require": {"signatures": [{"signers": [named_key()], "q": 1}]}},
            "spec.require.signatures[0].q",
            "the fields here are signers, threshold, repository",
        ),
    ],
)
def test_a_misspelt_field_breaks_the_policy_and_is_recognised(spec: Document, path: str, hint: str) -> None:
    found = problems(policy(**spec))
    assert found[path] == f"no such field; {hint}"


@pytest.mark.case("POL-005")
def test_a_misspelt_field_beside_spec_breaks_the_policy() -> None:
    assert "sepc" in problems({**policy(), "sepc": {}})


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a spec, but for maps of labels."""
    if isinstance(node, dict):
        yield node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key != "matchLabels":
            yield from nodes(value)


@pytest.mark.case("POL-005")
@pytest.mark.parametrize("source", objects.FULL, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_a_misspelt_field_in_any_object_of_any_spec_is_told(source: Document) -> None:
    changed = copy.deepcopy(source)
    for node in list(nodes(changed["spec"])):
        node["zzz"] = 1
        assert any(path.endswith(".zzz") for path in problems(changed)), node
        del node["zzz"]


@pytest.mark.case("POL-003")
@pytest.mark.parametrize(
    "spec",
    [
        {"require": {}},
        {"require": None},
        {"require": None, "tags": "Pin"},
        {"require": {"buildLevel": 0}},
        {"require": {"sources": []}},
        {"require": {"sbom": {}}},
        {"require": None, "deny": {}},
        {"require": None, "deny": {"digests": []}},
        {"require": {"buildLevel": None}},
    ],
)
def test_a_policy_that_asks_nothing_is_broken(spec: Document) -> None:
    assert isinstance(compile_policy(policy(**spec)).policy, BrokenPolicy)


@pytest.mark.case("POL-004")
@pytest.mark.parametrize(
    "require",
    [
        {"builders": []},
        {"signatures": []},
        {"signatures": [{}]},
        {"signatures": [{"signers": []}]},
        {"signatures": [{"signers": [named_key()], "threshold": 0}]},
        {"signatures": [{"signers": [named_key()], "threshold": 2}]},
    ],
)
def test_signatures_without_signers_are_broken(require: Document) -> None:
    assert isinstance(compile_policy(policy(require=require)).policy, BrokenPolicy)


@pytest.mark.case("POL-020")
@pytest.mark.parametrize("level", [4, 0, -1, "3", 3.0, True])
def test_a_level_is_a_number_from_1_to_3(level: object) -> None:
    assert set(problems(policy(require={"buildLevel": level}))) == {"spec.require.buildLevel"}


@pytest.mark.case("POL-021")
def test_an_object_of_another_time_is_broken_with_the_mend() -> None:
    found = problems(policy(mode="enforce", images=["ghcr.io/acme/*"]))
    assert found["spec.mode"] == "must be 'Enforce', 'Warn' or 'Audit'"
    assert found["spec.images"].startswith("no such field")


def test_a_root_of_keys_may_require_and_name_who_tells_its_times() -> None:
    found = compile_root(objects.document("TrustRoot", "a", objects.ROOT))
    assert isinstance(found, UnlinkedRoot)
    assert (found.sigstore, found.time_root) == (None, "sigstore")
    assert found.require == RequireSpec(transparency_log=False, signed_timestamp=False, sct=False)
    assert [key.name for key in found.keys] == ["release-2026"]


def test_a_sigstore_root_becomes_what_it_says() -> None:
    public = compile_root(trust_root(sigstore={"publicGood": {}}))
    inline = compile_root(trust_root(sigstore={"trustedRoot": {"inline": "{}"}}, require={"sct": False}))
    assert isinstance(public, UnlinkedRoot)
    assert isinstance(inline, UnlinkedRoot)
    assert public.sigstore == SigstoreSpec(inline=None, path="spec.sigstore.publicGood")
    assert inline.sigstore == SigstoreSpec(inline="{}", path="spec.sigstore.trustedRoot.inline")
    assert (public.require, inline.require) == (RequireSpec(), RequireSpec(sct=False))
    assert (public.keys, public.time_root) == ((), None)


def test_a_sigstore_root_tells_its_own_times() -> None:
    assert problems(trust_root(sigstore={"publicGood": {}}, timeRoot="other")) != {}


@pytest.mark.case("SIGN-043")
@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"builderIDs": None}, "spec.builderIDs"),
        ({"builderID": "SameAsSigner"}, "spec.builderIDs"),
        ({"builderID": "SameAsSigner", "builderIDs": None}, "spec.builderID"),
        ({"maxLevel": 4}, "spec.maxLevel"),
        ({"maxLevel": None}, "spec.maxLevel"),
        ({"signers": []}, "spec.signers"),
        ({"builderIDs": ["a***"]}, "spec.builderIDs[0]"),
    ],
)
def test_a_builder_that_makes_no_sense_is_broken(spec: Document, path: str) -> None:
    assert path in problems(builder(**spec))


def test_a_builder_becomes_what_it_says() -> None:
    compiled = compile_builder(builder(maxLevel=2, buildTypes=["https://type.example/v1"])).builder
    assert isinstance(compiled, TrustedBuilder)
    assert (compiled.max_level, compiled.source_from) == (2, SourceFrom.PROVENANCE)
    assert compiled.builder_ids is not None
    assert compiled.builder_ids[0].matches("https://builder.acme.example/a")
    assert compiled.build_types == {"https://type.example/v1"}
    silent = compile_builder(builder(sourceFrom=None)).builder
    assert isinstance(silent, TrustedBuilder)
    assert (silent.source_from, silent.build_types) == (SourceFrom.CERTIFICATE, frozenset())


def test_a_root_of_keys_becomes_what_it_says() -> None:
    key = {"name": "a", "pem": "P", "notBefore": "2026-01-01T00:00:00Z", "revokedAt": "2026-02-01T01:00:00+01:00"}
    compiled = compile_root(root("acme", key))
    assert isinstance(compiled, UnlinkedRoot)
    spec = compiled.keys[0]
    assert (spec.pem, spec.path, spec.not_after) == ("P", "spec.keys[0].pem", None)
    assert spec.not_before is not None
    assert spec.revoked_at is not None
    assert spec.not_before.isoformat() == "2026-01-01T00:00:00+00:00"
    assert spec.revoked_at.timestamp() - spec.not_before.timestamp() == 31 * 86400


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ({"name": "a"}, "spec.keys[0].pem"),
        ({"name": "a", "pem": ""}, "spec.keys[0].pem"),
        ({"name": "A", "pem": "P"}, "spec.keys[0].name"),
        ({"name": "a", "pem": "P", "notAfter": "2026-02-30T00:00:00Z"}, "spec.keys[0].notAfter"),
        ({"name": "a", "pem": "P", "notAfter": "2026-02-03"}, "spec.keys[0].notAfter"),
        ({"name": "a", "pem": "P", "notAfter": "2026-02-03T00:00:00"}, "spec.keys[0].notAfter"),
        (
            {"name": "a", "pem": "P", "notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00+01:00"},
            "spec.keys[0].notAfter",
        ),
    ],
)
def test_a_key_entry_that_makes_no_sense_breaks_the_root(key: Document, path: str) -> None:
    assert set(problems(root("acme", key))) == {path}


def test_two_keys_of_one_name_break_the_root() -> None:
    assert set(problems(root("acme", {"name": "a", "pem": "P"}, {"name": "a", "pem": "Q"}))) == {"spec.keys[1].name"}


@pytest.mark.case("KEY-009")
def test_a_private_key_is_told_and_never_repeated() -> None:
    pem = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----"
    sources = [
        root("acme", {"name": "a", "pem": pem}),
        policy(require={"signatures": [{"signers": [{"publicKey": {"pem": pem}}]}]}),
    ]
    for source in sources:
        found = problems(source)
        assert any(path.endswith(".pem") and "private key" in message for path, message in found.items())
        assert "c2VjcmV0" not in str(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "Pod"},
        {"kind": None},
        {"apiVersion": "navicert.dev/v1"},
        {"metadata": None},
        {"metadata": {}},
        {"metadata": {"name": "pem:sha256"}},
        {"metadata": {"name": "a" * 254}},
        {"metadata": {"name": 7}},
        {"metadata": {"name": "x", "namespace": "shop"}},
    ],
)
def test_an_object_that_can_not_be_told_is_malformed(changes: Document) -> None:
    with pytest.raises(MalformedPolicy):
        compile_policy({**policy(), **changes})


def test_a_namespaced_policy_names_its_namespace() -> None:
    source = policy(namespace="shop")
    del source["metadata"]["namespace"]
    with pytest.raises(MalformedPolicy, match="namespace"):
        compile_policy(source)


def test_an_object_of_another_kind_is_not_compiled() -> None:
    with pytest.raises(MalformedPolicy):
        compile_policy(builder())
    with pytest.raises(MalformedPolicy):
        compile_root(policy())


@pytest.mark.parametrize("spec", [None, [], "text", {}])
def test_an_object_without_a_spec_is_broken(spec: object) -> None:
    assert "spec" in problems({**policy(), "spec": spec})


def test_what_others_wrote_is_fit_to_print() -> None:
    spec: Document = {"x\x1b[31m\n": 1, "match": {"images": ["a\u202eb/x"]}}
    compiled = compile_policy(policy(**spec)).policy
    assert isinstance(compiled, BrokenPolicy)
    text = "".join(map(str, compiled.problems))
    assert text.isascii()
    assert text.isprintable()


def test_problems_are_bounded() -> None:
    unknown: Document = {f"unknown{number}": 1 for number in range(500)}
    compiled = compile_builder(builder(**unknown)).builder
    assert isinstance(compiled, BrokenObject)
    assert len(compiled.problems) == 100
    assert all(isinstance(one, Problem) for one in compiled.problems)
