"""Where fuzzing starts: sound documents of every kind, made by the foundry each time; nothing binary is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import cache

import yaml

from controller.trust.root import SigstoreMaterial, compile_sigstore
from controller.wire.buildtypes import READERS_V01, READERS_V02, READERS_V1
from controller.wire.trustedroot import parse_trusted_root
from tests.support.bundles import make, order
from tests.support.forms import FORMS, MESSAGE_FORMS, Form, Wrap
from tests.support.foundry import Foundry, Layer, encode, provenance_predicate, statement
from tests.support.instance import STAMPED as STAMPED_AT
from tests.support.instance import acme
from tests.support.judging import SUBJECT
from tests.support.objects import builder, exception, new_pem, policy, root
from tests.support.reviews import container, encoded, pod, review, templated
from tests.support.rooting import payload_for
from tests.support.tsa import Stamp

STAMPED = b"what the timestamps are over"
SOURCE = "git+https://github.com/acme/shop@refs/heads/main"
RESOURCE = {"uri": SOURCE, "digest": {"sha1": "5f" * 20}}


@cache
def material() -> SigstoreMaterial:
    """The private Sigstore that certificates and timestamps are verified under."""
    return compile_sigstore(parse_trusted_root(json.dumps(acme().trusted_root())))


@cache
def _layers() -> tuple[tuple[Form, Layer], ...]:
    forms = (*FORMS.values(), *MESSAGE_FORMS.values())
    return tuple((form, make(order(form, payload_for(form)))) for form in forms)


def _entries() -> Iterable[dict[str, object]]:
    for content in bundles():
        yield from json.loads(content)["verificationMaterial"].get("tlogEntries", [])


def bundles() -> tuple[bytes, ...]:
    return tuple(layer.content for form, layer in _layers() if form.bundled)


def envelopes() -> tuple[bytes, ...]:
    return tuple(layer.content for form, layer in _layers() if form.wrap is Wrap.ATT)


def legacy_annotations() -> tuple[bytes, ...]:
    return tuple(json.dumps(dict(layer.annotations)).encode() for form, layer in _layers() if form.wrap is Wrap.SIG)


def simple_signings() -> tuple[bytes, ...]:
    return (Foundry().simple_signing(SUBJECT),)


def statements() -> tuple[bytes, ...]:
    foundry = Foundry()
    commit = encode(statement({"digest": {"gitCommit": "5f" * 20}}, predicate={}))
    return (foundry.provenance(SUBJECT), foundry.image_signature(SUBJECT), commit)


def provenances_v01() -> tuple[bytes, ...]:
    recipe = {"definedInMaterial": 0, "entryPoint": "release.yml", "arguments": {"steps": []}}
    return tuple(
        encode({"builder": {"id": "b"}, "recipe": {**recipe, "type": name}, "materials": [RESOURCE]})
        for name in sorted(READERS_V01)
    )


def provenances_v02() -> tuple[bytes, ...]:
    config = {**RESOURCE, "entryPoint": ".github/workflows/release.yml"}
    environment = {"github_event_name": "push", "github_ref": "refs/heads/main"}
    invocation = {"configSource": config, "parameters": {"inputs": {}}, "environment": environment}
    return tuple(
        encode({"builder": {"id": "b"}, "buildType": name, "invocation": invocation, "materials": [RESOURCE]})
        for name in sorted(READERS_V02)
    )


def provenances_v1() -> tuple[bytes, ...]:
    checkout = {"buildConfigSource": {"repository": SOURCE, "ref": "refs/heads/main", "path": "cloudbuild.yaml"}}
    context = {"configSource": {"uri": "https://github.com/acme/shop.git#refs/heads/main"}, "source": SOURCE}
    platforms = ({"externalParameters": {**checkout, **context}, "resolvedDependencies": [RESOURCE]},)
    return (
        encode(provenance_predicate()),
        *(
            encode({"buildDefinition": {"buildType": name, **each}, "runDetails": {"builder": {"id": "b"}}})
            for name in sorted(READERS_V1)
            for each in platforms
        ),
    )


def summaries() -> tuple[bytes, ...]:
    levels = {"verifiedLevels": ["SLSA_BUILD_LEVEL_3"], "dependencyLevels": {"SLSA_BUILD_LEVEL_1": 5}}
    verifier = {"verifier": {"id": "https://v.example"}, "timeVerified": "2026-01-02T03:04:05Z"}
    policy_ = {"policy": {"uri": "https://p.example", "digest": {"sha256": "5f" * 32}}}
    return (encode({**verifier, **policy_, **levels, "resourceUri": "ghcr.io/a", "verificationResult": "PASSED"}),)


def spdx() -> tuple[bytes, ...]:
    context = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
    documents: tuple[object, ...] = ({"spdxVersion": "SPDX-2.3"}, {"@context": context}, "SPDXVersion: SPDX-2.3")
    return tuple(encode(each) for document in documents for each in (document, {"Data": document}))


def cyclonedx() -> tuple[bytes, ...]:
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6"}
    return (encode(document), encode({"Data": document}))


def log_bodies() -> tuple[bytes, ...]:
    return tuple(base64.b64decode(str(entry["canonicalizedBody"])) for entry in _entries())


def checkpoints() -> tuple[bytes, ...]:
    proofs = (entry.get("inclusionProof") for entry in _entries())
    return tuple(proof["checkpoint"]["envelope"].encode() for proof in proofs if isinstance(proof, dict))


def trusted_roots() -> tuple[bytes, ...]:
    return (encode(acme().trusted_root()),)


def public_keys() -> tuple[bytes, ...]:
    return (new_pem().encode(),)


def certificates() -> tuple[bytes, ...]:
    instance = acme()
    leaf = order(FORMS["v0.3 dsse"], b"").issued()
    return (leaf, instance.authority.intermediate, instance.authority.root, instance.timestamps.leaf)


def tokens() -> tuple[bytes, ...]:
    return (acme().timestamps.stamp(STAMPED, Stamp(at=STAMPED_AT)),)


def manifests() -> tuple[bytes, ...]:
    one = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": str(SUBJECT), "size": 2}
    image = {"schemaVersion": 2, "config": one, "layers": [{**one, "annotations": {"a": "b"}}]}
    index = {"schemaVersion": 2, "manifests": [{**one, "platform": {"os": "linux", "architecture": "amd64"}}]}
    return (encode(image), encode(index))


def references() -> tuple[bytes, ...]:
    return (b"nginx", b"ghcr.io:443/acme/shop:v1", f"localhost:5000/a/b:v1@{SUBJECT}".encode())


def objects() -> tuple[bytes, ...]:
    return tuple(yaml.safe_dump(each).encode() for each in (policy(), builder(), root(), exception()))


def reviews() -> tuple[bytes, ...]:
    subject = pod(container("nginx"), volumes=[{"name": "v", "image": {"reference": "ghcr.io/acme/data:v1"}}])
    kinds = ("Deployment", "CronJob")
    return (
        encoded(review(subject)),
        *(encoded(review(templated(kind, subject), kind=kind)) for kind in kinds),
    )
