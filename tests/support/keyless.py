"""Images and blobs that the real cosign signed against the private Sigstore, in every form it can give its evidence.

`harvest` starts the stack, signs everything and stops it: what it returns needs no server but the registry's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from pathlib import Path

from controller.core.image import Digest
from controller.core.window import Window
from tests.support.foundry import BUNDLE_V03, Layer, provenance_predicate
from tests.support.issuer import COMMIT, Claims, Issuer, email_claims, github_claims, kubernetes_claims
from tests.support.registries import Cosign, Pushed, Registry
from tests.support.sigstore import Keys, Services, Sigstore

WORKERS = 6
REUSABLE = "acme/ci/.github/workflows/image.yml@refs/tags/v2.1.0"
BLOB = b"a release that is no image\n"
OPERATOR = "operator=sigstore.test"


class Log(Enum):
    """Which generation of Rekor; the value is its API's."""

    V1 = 1
    V2 = 2


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Who signs and what the evidence gets to show. Without claims cosign's own key signs."""

    claims: Claims | None = field(default_factory=github_claims)
    log: Log | None = Log.V2
    timestamp: bool = True
    sct: bool = True
    legacy: bool = False

    @property
    def predicate(self) -> Mapping[str, object]:
        """Provenance that says what the certificate says."""
        claims = self.claims or github_claims()
        workflow = claims.get("job_workflow_ref", "acme/shop/.github/workflows/release.yml@refs/heads/main")
        return provenance_predicate(
            builder_id=f"https://github.com/{workflow}",
            repository=f"https://github.com/{claims.get('repository', 'acme/shop')}",
            ref=claims.get("ref", "refs/heads/main"),
            commit=claims.get("sha", COMMIT),
        )


# The names are the repositories of the images.
RECIPES: Mapping[str, Recipe] = {
    "logged": Recipe(),
    "environment": Recipe(claims=github_claims(environment="production")),
    "reusable": Recipe(claims=github_claims(ref="refs/tags/v1.2.3", signer_workflow=REUSABLE)),
    "email": Recipe(claims=email_claims()),
    "kubernetes": Recipe(claims=kubernetes_claims()),
    "timestamp-only": Recipe(log=None),
    "rekor-v1": Recipe(log=Log.V1, timestamp=False),
    "rekor-v1-timestamp": Recipe(log=Log.V1),
    "no-sct": Recipe(sct=False),
    "legacy": Recipe(log=Log.V1, legacy=True),
    "legacy-rekor-v1": Recipe(log=Log.V1, timestamp=False, legacy=True),
    "legacy-timestamp": Recipe(log=None, legacy=True),
    "key": Recipe(claims=None),
    "key-rekor-v1": Recipe(claims=None, log=Log.V1, timestamp=False),
    "key-legacy": Recipe(claims=None, log=Log.V1, timestamp=False, legacy=True),
}
_RELEASED = github_claims(ref="refs/tags/v1.2.3", signer_workflow=REUSABLE)
# The released build that a policy asks for, and others that differ from it in one thing.
BUILDS: Mapping[str, Recipe] = {
    "released": Recipe(claims=_RELEASED),
    "of-a-fork": Recipe(claims=github_claims(repository="evil/shop", ref="refs/tags/v1.2.3", signer_workflow=REUSABLE)),
    "of-a-branch": Recipe(claims=github_claims(signer_workflow=REUSABLE)),
    "by-another-workflow": Recipe(
        claims=github_claims(ref="refs/tags/v1.2.3", signer_workflow=REUSABLE.replace("acme/ci", "evil/ci"))
    ),
    "by-a-workflow-of-its-own": Recipe(claims=github_claims(ref="refs/tags/v1.2.3")),
    "on-a-runner-of-ones-own": Recipe(claims={**_RELEASED, "runner_environment": "self-hosted"}),
}
# Signed before anything else: the entry with index 0 of either log, in a tree of one leaf.
FIRST = {"first-entry": Recipe(), "first-entry-rekor-v1": Recipe(log=Log.V1)}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One image with the layers that make its signature and its provenance."""

    image: Pushed
    signature: Layer
    provenance: Layer | None = None

    @property
    def subject(self) -> Digest:
        return Digest.parse(self.image.digest)


@dataclass(frozen=True, kw_only=True)
class Harvest:
    """What was signed, by recipe; the trusted root that verifies it, one of strangers, and cosign's public key.

    `blob_signature` and `blob_attestation` are bundles over BLOB. `signed` is when all of it was, by our clock.
    """

    images: Mapping[str, Evidence]
    blob_signature: Layer
    blob_attestation: Layer
    trusted_root: bytes
    strange_root: bytes
    public_key: str
    signed: Window


def harvest(folder: Path, registry: Registry, cosign: Cosign) -> Harvest:
    """Starts the stack in `folder`, signs what RECIPES, BUILDS and FIRST say, and stops it again."""
    started = datetime.now(UTC)
    strange_root = Keys(folder / "strangers").trusted_root(cosign)
    with Sigstore(folder / "stack") as stack, ThreadPoolExecutor(WORKERS) as pool:
        trusted_root = stack.keys.trusted_root(cosign)
        signing = _Signing(folder, registry, cosign, stack.issuer, stack.services)
        first = {name: signing.signed(name, recipe) for name, recipe in FIRST.items()}
        blobs = [pool.submit(make) for make in (signing.signed_blob, signing.attested_blob)]
        everything = {**RECIPES, **BUILDS}
        images = {name: pool.submit(signing.attested, name, recipe) for name, recipe in everything.items()}
        return Harvest(
            images=first | {name: made.result() for name, made in images.items()},
            blob_signature=blobs[0].result(),
            blob_attestation=blobs[1].result(),
            trusted_root=trusted_root,
            strange_root=strange_root,
            public_key=cosign.public_key.read_text(),
            signed=Window(start=started, end=datetime.now(UTC)),
        )


def sign_keyless(folder: Path, registry: Registry, cosign: Cosign, image: Pushed) -> bytes:
    """Signs and attests one image that is in the registry, as the first of RECIPES; returns the trusted root."""
    with Sigstore(folder / "stack") as stack:
        trusted_root = stack.keys.trusted_root(cosign)
        signing = _Signing(folder, registry, cosign, stack.issuer, stack.services)
        signing.sign(image, Recipe())
        signing.attest(image, Recipe())
    return trusted_root


class _Signing:
    """cosign, with everything it has to be told to sign against these services."""

    def __init__(self, folder: Path, registry: Registry, cosign: Cosign, issuer: Issuer, services: Services) -> None:
        self._folder = folder
        self._registry = registry
        self._cosign = cosign
        self._issuer = issuer
        self._services = services
        self._configurations = {
            (log, timestamp, sct): self._configuration(log, timestamp=timestamp, sct=sct)
            for log, timestamp, sct in {(recipe.log, recipe.timestamp, recipe.sct) for recipe in RECIPES.values()}
        }

    def signed(self, name: str, recipe: Recipe) -> Evidence:
        image = self._push(name)
        self.sign(image, recipe)
        return Evidence(image=image, signature=self._layers(image, recipe)[0])

    def attested(self, name: str, recipe: Recipe) -> Evidence:
        image = self._push(name)
        self.sign(image, recipe)
        self.attest(image, recipe)
        signature, provenance = self._layers(image, recipe)
        return Evidence(image=image, signature=signature, provenance=provenance)

    def sign(self, image: Pushed, recipe: Recipe) -> None:
        self._cosign.run("sign", *self._arguments(recipe), image.reference)

    def attest(self, image: Pushed, recipe: Recipe) -> None:
        predicate = self._folder / f"{image.digest.partition(':')[2]}.json"
        predicate.write_text(json.dumps(recipe.predicate))
        about = ("--type", "slsaprovenance1", "--predicate", predicate)
        self._cosign.run("attest", *about, *self._arguments(recipe), image.reference)

    def signed_blob(self) -> Layer:
        return self._blob("sign-blob", "signature")

    def attested_blob(self) -> Layer:
        predicate = self._folder / "blob-predicate.json"
        predicate.write_text(json.dumps(Recipe().predicate))
        return self._blob("attest-blob", "attestation", "--type", "slsaprovenance1", "--predicate", predicate)

    def _blob(self, command: str, name: str, *about: str | Path) -> Layer:
        blob, bundle = self._folder / f"{name}.blob", self._folder / f"{name}.bundle"
        blob.write_bytes(BLOB)
        self._cosign.run(command, *about, *self._arguments(Recipe()), "--bundle", bundle, blob)
        return Layer(media_type=BUNDLE_V03, content=bundle.read_bytes())

    def _push(self, name: str) -> Pushed:
        return self._registry.push_image(f"sigstore/{name}", content=name.encode())

    def _arguments(self, recipe: Recipe) -> list[str | Path]:
        if recipe.claims is None:
            signer = ["--key", "cosign.key"]
        else:
            signer = ["--identity-token", self._issuer.token(recipe.claims)]
        if recipe.legacy:
            return ["--yes", *signer, *self._legacy(recipe)]
        configuration = self._configurations[recipe.log, recipe.timestamp, recipe.sct]
        return ["--yes", *signer, "--signing-config", configuration, "--trusted-root", self._trusted_root]

    @cached_property
    def _trusted_root(self) -> Path:
        return self._folder / "stack" / "trusted_root.json"

    def _legacy(self, recipe: Recipe) -> list[str | Path]:
        """Annotations beside the layer, which know no Rekor v2 and no signing configuration."""
        services = self._services
        arguments: list[str | Path] = ["--new-bundle-format=false", "--use-signing-config=false"]
        if recipe.claims is not None:
            arguments += [f"--fulcio-url={services.fulcio}", "--trusted-root", self._trusted_root]
        if recipe.timestamp:
            arguments.append(f"--timestamp-server-url={services.timestamps}")
        return [*arguments, f"--rekor-url={services.rekor_v1}" if recipe.log else "--tlog-upload=false"]

    def _configuration(self, log: Log | None, *, timestamp: bool, sct: bool) -> Path:
        """A signing configuration as the real cosign writes it."""
        services = self._services
        since = f"start-time=2020-01-01T00:00:00Z,{OPERATOR}"
        path = self._folder / f"signing-{log}-{timestamp}-{sct}.json"
        fulcio = services.fulcio if sct else services.bare_fulcio
        arguments = [f"--fulcio=url={fulcio},api-version=1,{since}"]
        if log is not None:
            url = services.rekor if log is Log.V2 else services.rekor_v1
            arguments += [f"--rekor=url={url},api-version={log.value},{since}", "--rekor-config=ANY"]
        if timestamp:
            arguments += [f"--tsa=url={services.timestamps},api-version=1,{since}", "--tsa-config=ANY"]
        self._cosign.run("signing-config", "create", *arguments, "--out", path)
        return path

    def _layers(self, image: Pushed, recipe: Recipe) -> list[Layer]:
        """The layers in the registry, signature first."""
        if recipe.legacy:
            stem = image.digest.replace(":", "-")
            manifests = [f"{stem}.{suffix}" for suffix in ("sig", "att") if f"{stem}.{suffix}" in self._tags(image)]
            return [layer for manifest in manifests for layer in self._stored(image, manifest)]
        index = self._registry.request("GET", f"/v2/{image.repository}/referrers/{image.digest}").json()
        listed = sorted(index["manifests"], key=lambda entry: str(entry["annotations"]).count("cosign/sign/v1"))
        return [layer for entry in reversed(listed) for layer in self._stored(image, entry["digest"])]

    def _tags(self, image: Pushed) -> list[str]:
        return self._registry.tags(image.repository)

    def _stored(self, image: Pushed, manifest: str) -> list[Layer]:
        document = self._registry.request("GET", f"/v2/{image.repository}/manifests/{manifest}").json()
        return [
            Layer(
                media_type=layer["mediaType"],
                content=self._registry.request("GET", f"/v2/{image.repository}/blobs/{layer['digest']}").body,
                annotations=layer.get("annotations", {}),
            )
            for layer in document["layers"]
        ]
