"""The generated definitions on a real API server: taken, strict, and never pruning what they don't know."""

import copy
from pathlib import Path
from typing import Any

import pytest

from controller.wire.policy import KINDS, identify, parse_objects
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.objects import Document, builder, exception, named_key, policy, root
from tests.support.plainyaml import read_yaml
from tests.support.processes import wait_until

CRDS = Path(__file__).resolve().parents[2] / "charts" / "navicert" / "crds"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "/apis/navicert.dev/v1alpha1"


@pytest.fixture(scope="module")
def client(controlplane: ControlPlane) -> Client:
    return serve_kinds(controlplane)


def serve_kinds(controlplane: ControlPlane) -> Client:
    """Whoever may do everything there, once our kinds are served."""
    client = controlplane.client()
    for path in sorted(CRDS.glob("*.yaml")):
        definition = read_yaml(path.read_text())
        status, body = client.apply(f"{DEFINITIONS}/{definition['metadata']['name']}", definition)
        assert status in (200, 201), body
    wait_until(lambda: all(established(client, kind.plural) for kind in KINDS.values()))
    wait_until(lambda: all(client.get(f"{GROUP}/{kind.plural}")[0] == 200 for kind in KINDS.values()))
    wait_until(lambda: {kind.name for kind in KINDS.values()} <= listed(client).keys())
    return client


def listed(client: Client) -> dict[str, Document]:
    """The kinds that the API server names, which it may do after it serves them."""
    resources = client.get(GROUP)[1].get("resources", ())
    return {one["kind"]: one for one in resources if "/" not in one["name"]}


def established(client: Client, plural: str) -> bool:
    _, body = client.get(f"{DEFINITIONS}/{plural}.navicert.dev")
    conditions = {one["type"]: one for one in body.get("status", {}).get("conditions") or ()}  # null at first
    problems = conditions.get("NonStructuralSchema", {"message": ""})["message"]
    assert not problems
    return bool(conditions.get("Established", {}).get("status") == "True")


def create(client: Client, source: Document, *, dry_run: bool = True, validation: str = "Ignore") -> tuple[int, Any]:
    kind = KINDS[source["kind"]]
    inside = f"/namespaces/{source['metadata']['namespace']}" if kind.namespaced else ""
    options = f"fieldValidation={validation}" + ("&dryRun=All" if dry_run else "")
    return client.create(f"{GROUP}{inside}/{kind.plural}?{options}", source)


def replaced(source: Document, path: str, value: object) -> Document:
    """The object with one field of its spec in place, or gone when the value is None; numbers are list indexes."""
    changed = copy.deepcopy(source)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node: Any = changed["spec"]
    for step in way:
        node = node[step]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return changed


@pytest.mark.parametrize("source", objects.FULL, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_every_field_of_the_api_is_taken_and_comes_back(client: Client, source: Document) -> None:
    status, body = create(client, source, validation="Strict")
    assert status == 201, body
    assert body["spec"] == source["spec"]


def test_defaults_never_choose_between_alternatives(client: Client) -> None:
    signed = {"signatures": [{"signers": [named_key(), {"publicKey": {"pem": objects.new_pem()}}]}]}
    status, body = create(client, policy(require=signed))
    assert status == 201, body
    entry = body["spec"]["require"]["signatures"][0]
    assert (entry["threshold"], entry["repository"], body["spec"]["tags"]) == (1, "Any", "Pin")
    assert entry["signers"] == signed["signatures"][0]["signers"]


FULL_POLICY, OWN_POLICY, FULL_BUILDER, FULL_ROOT = objects.FULL[:4]
SIGNED = policy(require={"signatures": [{"signers": [named_key()]}]})
EMPTY_PARTS: list[tuple[str, object]] = [
    ("require", {}),
    ("require.sources", []),
    ("require.sources.0.refs", []),
    ("require.sources.0.repositories", []),
    ("require.sbom", {}),
    ("require.build", {}),
    ("require.build.parameters", {}),
    ("require.dependencies", {}),
    ("require.anyOf", []),
    ("require.anyOf.0", {}),
    ("require.attestations", []),
    ("require.sourceLevel", {}),
    ("deny", {}),
    ("deny.digests", []),
    ("acceptSummaries", []),
    ("match.images", []),
    ("match.podSelector", {}),
    ("match.namespaces", {}),
    ("match.namespaces.names", []),
]


def refused(client: Client, source: Document, field: str) -> None:
    status, body = create(client, source)
    assert status == 422, body
    assert field in body["message"]


@pytest.mark.case("POL-003")
@pytest.mark.parametrize(("path", "value"), EMPTY_PARTS)
def test_an_empty_part_is_refused(client: Client, path: str, value: object) -> None:
    named = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split("."))
    refused(client, replaced(FULL_POLICY, path, value), f"spec{named}")


@pytest.mark.case("POL-003")
@pytest.mark.parametrize("spec", [{"mode": "Enforce"}, {"mode": "Enforce", "tags": "Pin"}])
def test_a_policy_that_asks_nothing_is_refused(client: Client, spec: Document) -> None:
    refused(client, objects.document("ClusterSLSAPolicy", "empty", spec), "spec.require")


@pytest.mark.case("POL-003")
@pytest.mark.parametrize("part", [{"tags": "Deny"}, {"deny": {"digests": ["sha256:" + "a" * 64]}}])
def test_denying_stands_alone(client: Client, part: Document) -> None:
    status, body = create(client, objects.document("ClusterSLSAPolicy", "deny", {"mode": "Enforce", **part}))
    assert status == 201, body


@pytest.mark.case("POL-004")
@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("require.builders", [], "spec.require.builders"),
        ("require.signatures", [], "spec.require.signatures"),
        ("require.signatures.0.signers", [], "spec.require.signatures[0].signers"),
        ("require.signatures.0.signers", None, "spec.require.signatures[0].signers"),
        ("require.signatures.0.threshold", 0, "spec.require.signatures[0].threshold"),
        ("require.signatures.0.threshold", 4, "spec.require.signatures[0].threshold"),
        ("require.attestations.0.signers", None, "spec.require.attestations[0].signers"),
    ],
)
def test_signers_and_thresholds_make_sense(client: Client, path: str, value: object, field: str) -> None:
    refused(client, replaced(FULL_POLICY, path, value), field)


@pytest.mark.case("POL-007")
@pytest.mark.parametrize("value", [{"names": ["*"]}, {}, ["*"]])
def test_a_namespaced_policy_can_not_choose_namespaces(client: Client, value: object) -> None:
    refused(client, replaced(OWN_POLICY, "match.namespaces", value), "spec.match.namespaces")


@pytest.mark.case("POL-020")
@pytest.mark.parametrize("level", [4, 0, -1, "3", 2.5])
def test_a_level_is_a_number_from_1_to_3(client: Client, level: object) -> None:
    refused(client, policy(require={"buildLevel": level}), "spec.require.buildLevel")


@pytest.mark.case("IDENT-012")
@pytest.mark.parametrize("subjects", [{}, {"subject": "https://a", "subjectRegExp": "https://a"}])
def test_a_certificate_has_one_kind_of_subject(client: Client, subjects: Document) -> None:
    entry = {"certificate": {"issuer": "https://issuer", **subjects}}
    refused(client, builder(signers=[entry], builderID="Listed"), "spec.signers[0].certificate")


@pytest.mark.case("IDENT-013")
@pytest.mark.parametrize("empty", ["issuer", "subject", "subjectRegExp"])
def test_an_empty_identity_is_refused(client: Client, empty: str) -> None:
    certificate = {"issuer": "https://issuer", "subject": "https://a", empty: ""}
    if empty == "subjectRegExp":
        del certificate["subject"]
    refused(client, builder(signers=[{"certificate": certificate}]), f"spec.signers[0].certificate.{empty}")


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({}, "spec.signers[0]"),
        ({"certificate": objects.CERTIFICATE, **named_key()}, "spec.signers[0]"),
        ({"publicKey": {}}, "spec.signers[0].publicKey"),
        ({"publicKey": {"name": "release"}}, "spec.signers[0].publicKey"),
        ({"publicKey": {"trustRoot": "acme"}}, "spec.signers[0].publicKey"),
        ({"publicKey": {"trustRoot": "acme", "pem": "x"}}, "spec.signers[0].publicKey"),
        ({"publicKey": {"trustRoot": "acme", "name": "release", "pem": "x"}}, "spec.signers[0].publicKey"),
    ],
)
def test_a_signer_entry_is_exactly_one_thing(client: Client, entry: Document, field: str) -> None:
    refused(client, builder(signers=[entry]), field)


@pytest.mark.case("SIGN-043")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"builderID": "SameAsSigner"}, "spec.builderIDs"),
        ({"builderIDs": None}, "spec.builderIDs"),
        ({"builderIDs": []}, "spec.builderIDs"),
    ],
)
def test_builder_ids_come_with_listed(client: Client, changes: Document, field: str) -> None:
    refused(client, builder(**changes), field)


@pytest.mark.case("SIGN-043")
def test_a_key_is_no_builder_s_name(client: Client) -> None:
    refused(client, builder(builderID="SameAsSigner", builderIDs=None), "spec.builderID")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "spec"),
        ({"sigstore": {}}, "spec.sigstore"),
        ({"sigstore": {"publicGood": {}}, "keys": [{"name": "a", "pem": "x"}]}, "spec"),
        ({"sigstore": {"publicGood": {}, "trustedRoot": {"inline": "{}"}}}, "spec.sigstore"),
        ({"sigstore": {"trustedRoot": {}}}, "spec.sigstore.trustedRoot"),
        ({"sigstore": {"publicGood": {}}, "timeRoot": "other"}, "timeRoot"),
        ({"keys": []}, "spec.keys"),
        ({"keys": [{"name": "a"}]}, "spec.keys[0].pem"),
        ({"keys": [{"name": "a", "pem": "x"}, {"name": "a", "pem": "y"}]}, "spec.keys[1]"),
        (
            {
                "keys": [
                    {"name": "a", "pem": "x", "notBefore": "2026-02-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z"}
                ]
            },
            "spec.keys[0].notAfter",
        ),
        ({"keys": [{"name": "a", "pem": "x", "revokedAt": "yesterday"}]}, "spec.keys[0].revokedAt"),
    ],
)
def test_a_root_is_exactly_one_thing(client: Client, spec: Document, field: str) -> None:
    refused(client, objects.document("TrustRoot", "nonsense", spec), field)


@pytest.mark.case("KEY-009")
def test_a_private_key_is_refused_and_not_repeated(client: Client) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    status, body = create(client, root("leak", {"name": "a", "pem": pem}))
    assert status == 422
    assert "spec.keys[0].pem" in body["message"]
    assert "c2VjcmV0" not in str(body)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("expires", None, "spec.expires"),
        ("expires", "soon", "spec.expires"),
        ("reason", None, "spec.reason"),
        ("reason", "", "spec.reason"),
        ("reason", "  ", "spec.reason"),
        ("ticket", "", "spec.ticket"),
        ("policies", [], "spec.policies"),
        ("images", [], "spec.images"),
        ("policies.0.namespace", "shop", "spec.policies[0]"),
        ("policies.1.namespace", None, "spec.policies[1]"),
    ],
)
def test_an_exception_is_complete(client: Client, path: str, value: object, field: str) -> None:
    refused(client, replaced(exception(), path, value), field)


@pytest.mark.case("EXC-011")
@pytest.mark.parametrize("value", [None, []])
def test_an_exception_names_its_namespaces(client: Client, value: object) -> None:
    refused(client, replaced(exception(), "namespaces", value), "spec.namespaces")


@pytest.mark.case("POL-005")
@pytest.mark.parametrize(
    ("source", "path"),
    [
        (FULL_POLICY, "requires"),
        (FULL_POLICY, "match.imagse"),
        (FULL_POLICY, "require.sources.0.ref"),
        (FULL_POLICY, "require.signatures.0.signers.1.publicKey.nmae"),
        (FULL_POLICY, "require.build.parameters.alow"),
        (OWN_POLICY, "match.image"),
        (FULL_BUILDER, "buildtypes"),
        (FULL_BUILDER, "revoked.0.til"),
        (FULL_ROOT, "keys.0.revoked"),
    ],
)
def test_a_misspelt_field_is_not_pruned(client: Client, source: Document, path: str) -> None:
    status, body = create(client, replaced(source, path, "kept"))
    assert status == 201, body
    node = body["spec"]
    for step in path.split("."):
        node = node[int(step) if step.isdigit() else step]
    assert node == "kept"


def test_status_is_a_subresource(client: Client) -> None:
    status, body = create(client, root("with-status"), dry_run=False)
    assert status == 201, body
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Compiled",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    path = f"{GROUP}/trustroots/with-status"
    status, body = client.patch(f"{path}/status", {"status": {"conditions": [condition]}})
    assert (status, body["status"]["conditions"]) == (200, [condition])
    assert body["metadata"]["generation"] == 1
    status, body = client.patch(path, {"status": {"conditions": []}})
    assert body["status"]["conditions"] == [condition]


def test_names_and_columns_are_served(client: Client) -> None:
    served = listed(client)
    for kind in KINDS.values():
        assert served[kind.name]["shortNames"] == [kind.short]
        assert served[kind.name]["categories"] == ["navicert"]
        assert served[kind.name]["namespaced"] is kind.namespaced
    _, body = client.get(f"{DEFINITIONS}/clusterslsapolicies.navicert.dev")
    columns = [one["name"] for one in body["spec"]["versions"][0]["additionalPrinterColumns"]]
    assert columns == ["Mode", "Level", "Ready", "Reason", "Age"]


SHIPPED = [
    pytest.param(one, id=f"{path.stem}-{identify(one)}")
    for folder in (CRDS.parent / "catalogue", CRDS.parents[2] / "manifests" / "samples")
    for path in sorted(folder.glob("*.yaml"))
    for one in parse_objects(path.read_text(), path.name)
]


@pytest.mark.parametrize("source", SHIPPED)
def test_every_sample_and_the_whole_catalogue_are_taken(client: Client, source: Document) -> None:
    inside = KINDS[source["kind"]].namespaced
    if inside:
        client.create("/api/v1/namespaces", {"metadata": {"name": source["metadata"]["namespace"]}})
    status, body = create(client, source, validation="Strict")
    assert status == 201, body


@pytest.mark.case("IDENT-009")
def test_an_expression_longer_than_any_needs_is_refused(client: Client) -> None:
    certificate = {"issuer": "https://i.example", "subjectRegExp": "a" * 10_000}
    refused(client, policy(require={"signatures": [{"signers": [{"certificate": certificate}]}]}), "subjectRegExp")
    condition = {"name": "a", "expression": "true || " * 600 + "true"}
    refused(client, policy(require={"build": {"conditions": [condition]}}), "expression")
