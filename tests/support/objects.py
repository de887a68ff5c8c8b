"""Objects of navicert.dev as users write them: one full and valid example of each kind, and small ones to change."""

import copy
from typing import Any

from tests.support import pki

API_VERSION = "navicert.dev/v1alpha1"
IMAGES = ["ghcr.io/acme/*"]

Document = dict[str, Any]


def new_pem() -> str:
    """A fresh P-256 public key."""
    return pki.public_pem(pki.new_key()).decode()


def document(kind: str, name: str, spec: Document, *, namespace: str | None = None) -> Document:
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": copy.deepcopy(spec)}


def policy(name: str = "production", *, namespace: str | None = None, **spec: Any) -> Document:
    """A policy in Enforce that asks for level 1, with these fields of its spec in place."""
    kind = "ClusterSLSAPolicy" if namespace is None else "SLSAPolicy"
    return document(kind, name, {"mode": "Enforce", "require": {"buildLevel": 1}, **spec}, namespace=namespace)


def builder(name: str = "reusable", **spec: Any) -> Document:
    """A builder that is listed and signs with the key release of the root acme."""
    listed = {
        "maxLevel": 3,
        "signers": [named_key()],
        "builderID": "Listed",
        "builderIDs": ["https://builder.acme.example/*"],
        "sourceFrom": "Provenance",
    }
    return document("TrustedBuilder", name, {**listed, **spec})


def root(name: str = "acme", *keys: Document) -> Document:
    """A root of these keys; of one new key, called release, without any."""
    return document("TrustRoot", name, {"keys": list(keys) or [{"name": "release", "pem": new_pem()}]})


def exception(name: str = "legacy", **spec: Any) -> Document:
    return document("SLSAException", name, {**EXCEPTION, **spec})


def named_key(name: str = "release", *, root: str = "acme") -> Document:
    return {"publicKey": {"trustRoot": root, "name": name}}


CERTIFICATE: Document = {
    "trustRoot": "sigstore",
    "issuer": "https://token.actions.githubusercontent.com",
    "subjectRegExp": r"https://github\.com/acme/ci/\.github/workflows/image\.yml@refs/tags/v[0-9]+",
    "subjectType": "URI",
    "extensions": {"sourceRepositoryURI": "https://github.com/acme/shop", "sourceRepositoryOwnerID": "1234567"},
    "notAfter": "2027-01-01T00:00:00Z",
}
SIGNERS: list[Document] = [{"certificate": CERTIFICATE}, named_key("release-2026"), {"publicKey": {"pem": new_pem()}}]
CONDITION: Document = {
    "name": "no-debug",
    "expression": "!has(provenance.externalParameters.debug)",
    "message": "debug builds stay out",
}
FINDINGS: Document = {"name": "none-critical", "expression": "predicate.results.all(one, one.severity != 'CRITICAL')"}
ALTERNATIVE: Document = {
    "buildLevel": 3,
    "builders": ["github-reusable"],
    "sources": [
        {
            "repositories": ["https://github.com/acme/{1}"],
            "refs": ["refs/heads/main", "refs/tags/v*"],
            "entryPoints": [".github/workflows/release.yml"],
            "triggers": ["push", "release", "workflow_dispatch"],
            "repositoryIDs": ["7654321"],
            "ownerIDs": ["1234567"],
        }
    ],
    "sourceLevel": {
        "min": 2,
        "summaries": [{"verifierID": "https://scs.example", "signers": SIGNERS, "maxLevel": 3}],
    },
    "build": {
        "types": ["https://actions.github.io/buildtypes/workflow/v1"],
        "parameters": {"allow": ["workflow", "inputs.channel"]},
        "maxAge": "2160h",
        "conditions": [CONDITION],
    },
    "signatures": [{"signers": SIGNERS, "threshold": 1, "repository": "Any"}],
    "sbom": {"formats": ["SPDX", "CycloneDX"], "signers": SIGNERS},
    "attestations": [
        {
            "predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1",
            "signers": SIGNERS,
            "maxAge": "168h",
            "use": "Any",
            "conditions": [FINDINGS],
        }
    ],
    "dependencies": {"minLevel": 1, "images": ["ghcr.io/acme-base/*"]},
}
MATCH: Document = {
    "podSelector": {"matchLabels": {"app": "web"}},
    "images": IMAGES,
    "excludeImages": ["ghcr.io/acme/sandbox-*"],
}
NAMESPACES: Document = {
    "names": ["shop", "pay-*"],
    "selector": {
        "matchLabels": {"tier": "production"},
        "matchExpressions": [
            {"key": "acme.example/zone", "operator": "NotIn", "values": ["lab"]},
            {"key": "acme.example/owner", "operator": "Exists"},
        ],
    },
}
POLICY: Document = {
    "mode": "Enforce",
    "match": {"namespaces": NAMESPACES, **MATCH},
    "tags": "Pin",
    "deny": {"digests": ["sha256:" + "0" * 64]},
    "require": {**ALTERNATIVE, "anyOf": [ALTERNATIVE]},
    "acceptSummaries": [
        {
            "verifierID": "https://verifier.acme.example",
            "signers": SIGNERS,
            "resourceURIs": ["{repository}"],
            "maxLevel": 3,
            "covers": ["buildLevel"],
            "policyURIs": ["https://acme.example/policy"],
            "policyDigests": ["sha256:" + "1" * 64],
            "maxAge": "720h",
        }
    ],
}
BUILDER: Document = {
    "maxLevel": 3,
    "signers": [{"certificate": CERTIFICATE}],
    "builderID": "SameAsSigner",
    "minimumVersion": "2.1.0",
    "buildTypes": ["https://actions.github.io/buildtypes/workflow/v1"],
    "runnerEnvironments": ["github-hosted"],
    "triggers": ["push", "create", "release", "workflow_dispatch"],
    "recordsDependencies": False,
    "sourceFrom": "Certificate",
    "revoked": [{"from": "2026-03-01T00:00:00Z", "until": "2026-03-09T00:00:00Z"}, {"from": "2026-05-01T00:00:00Z"}],
}
ROOT: Document = {
    "keys": [
        {
            "name": "release-2026",
            "pem": new_pem(),
            "notBefore": "2026-01-01T00:00:00Z",
            "notAfter": "2026-12-31T23:59:59.5+01:00",
            "revokedAt": "2026-06-01T00:00:00Z",
        }
    ],
    "require": {"transparencyLog": False, "signedTimestamp": False, "sct": False},
    "timeRoot": "sigstore",
}
EXCEPTION: Document = {
    "policies": [
        {"kind": "ClusterSLSAPolicy", "name": "production"},
        {"kind": "SLSAPolicy", "namespace": "shop", "name": "own"},
    ],
    "namespaces": ["shop"],
    "images": ["ghcr.io/acme/legacy@sha256:" + "2" * 64, "ghcr.io/acme/old-*"],
    "expires": "2026-12-31T00:00:00Z",
    "reason": "vendor build moves in January",
    "ticket": "OPS-1234",
}
FULL: tuple[Document, ...] = (
    document("ClusterSLSAPolicy", "full", POLICY),
    document("SLSAPolicy", "full", {**POLICY, "match": MATCH}, namespace="default"),
    document("TrustedBuilder", "full", BUILDER),
    document("TrustRoot", "full", ROOT),
    document("TrustRoot", "public", {"sigstore": {"publicGood": {}}}),
    document("TrustRoot", "inline", {"sigstore": {"trustedRoot": {"inline": "{}"}}}),
    document("TrustRoot", "map", {"sigstore": {"trustedRoot": {"configMapRef": {"name": "root", "key": "root.json"}}}}),
    document(
        "TrustRoot",
        "tuf",
        {
            "sigstore": {"tuf": {"url": "https://tuf.example", "root": "{}", "target": "trusted_root.json"}},
            "staleAfter": "720h",
        },
    ),
    document("SLSAException", "full", EXCEPTION),
)
