"""Images at a real registry whose evidence is found through one call, and policies that ask for that evidence.

For breaking each call by itself: without it, nothing is proven.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from controller.core.image import Digest
from controller.engine.policies import PolicyStore, Snapshot
from controller.wire.policy import KINDS
from tests.support.foundry import BUILDER_ID, BUNDLE_V03, WORKFLOW_V1, Foundry, Layer
from tests.support.registries import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, Pushed, Registry

Json = dict[str, Any]

ATTACHED = ("referrers", "page", "fallback", "bundle", "blob", "att", "att blob", "sig", "sig blob")
OF_CHILDREN = ("child", "child's referrers", "listed in the index", "statement")
CALLS = ("image", "tag", *ATTACHED, *OF_CHILDREN, "elsewhere")
UNSIGNED = ("listed in the index", "statement")  # as BuildKit writes them
STATEMENT_TYPE = "application/vnd.in-toto+json"
AMD64, UNKNOWN = {"os": "linux", "architecture": "amd64"}, {"os": "unknown", "architecture": "unknown"}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An image whose evidence is found through one call, and the policies that ask for it.

    `paged`: what refers to it is on the second page of a list. `elsewhere` is another repository for its evidence.
    """

    image: str  # below the host
    path: str  # of the call, the end of what is asked for
    snapshot: Snapshot
    paged: bool = False
    elsewhere: str = ""

    def entry(self, host: str) -> Json:
        """The setting of the registry at this host."""
        more = {"evidenceRepository": f"{host}/{self.elsewhere}"} if self.elsewhere else {}
        return {"host": host, "plainHTTP": True, **more}


class Studio:
    """Makes scenes at a real registry, each in a repository that no other has, of this studio or of another."""

    _repositories = (f"matrix/shop-{number}" for number in itertools.count())

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._foundry = Foundry()

    def scene(self, call: str, *, besides: str = "") -> Scene:
        """`besides` is another call through which the same can be found."""
        repository = next(self._repositories)
        image = self.registry.push_image(repository, "v1", content=repository.encode())
        if besides:
            self._attach(besides, image)
        if call in OF_CHILDREN:
            return self._scene_of_index(call, image)
        paths = {"image": f"manifests/{image.digest}", "tag": "manifests/v1"} | self._attach(call, image)
        return Scene(
            image=f"{repository}:v1" if call == "tag" else f"{repository}@{image.digest}",
            path=paths[call],
            snapshot=self._snapshot(call),
            paged=call == "page",
            elsewhere=f"{repository}-evidence" if call == "elsewhere" else "",
        )

    def _scene_of_index(self, call: str, child: Pushed) -> Scene:
        entries = [child.descriptor() | {"platform": AMD64}]
        paths = {"child": f"manifests/{child.digest}"}
        if call in UNSIGNED:
            entry, statement = self._list_attestation(child)
            entries.append(entry)
            paths |= {"listed in the index": f"manifests/{entry['digest']}", "statement": f"blobs/{statement}"}
        else:
            paths["child's referrers"] = self._attach("referrers", child)["referrers"]
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
        image = self.registry.push_manifest(child.repository, index)
        return Scene(image=f"{child.repository}@{image.digest}", path=paths[call], snapshot=self._snapshot(call))

    def _list_attestation(self, child: Pushed) -> tuple[Json, str]:
        """What an index says of an attestation manifest about this child, and the digest of the statement in it."""
        statement = self._foundry.provenance(Digest.parse(child.digest))
        manifest = self._push(child.repository, Layer(media_type=STATEMENT_TYPE, content=statement))
        about = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": child.digest,
        }
        return manifest.descriptor() | {"platform": UNKNOWN, "annotations": about}, str(Digest.of(statement))

    def _attach(self, call: str, image: Pushed) -> dict[str, str]:
        """Pushes what is found through this call; gives the paths that lead to it."""
        subject = Digest.parse(image.digest)
        tag = f"sha256-{subject.hex}"
        if call in {"sig", "sig blob"}:
            layer = self._foundry.signature_layer(self._foundry.simple_signing(subject))
            self._push(image.repository, layer, tag=f"{tag}.sig")
            return {"sig": f"manifests/{tag}.sig", "sig blob": f"blobs/{Digest.of(layer.content)}"}
        provenance = self._foundry.provenance(subject)
        if call in {"att", "att blob"}:
            layer = self._foundry.envelope_layer(provenance)
            self._push(image.repository, layer, tag=f"{tag}.att")
            return {"att": f"manifests/{tag}.att", "att blob": f"blobs/{Digest.of(layer.content)}"}
        layer = self._foundry.bundle_layer(provenance)
        listed: Json = {} if call == "fallback" else {"subject": image.descriptor()}
        repository = f"{image.repository}-evidence" if call == "elsewhere" else image.repository
        bundle = self._push(repository, layer, artifactType=BUNDLE_V03, **listed)
        if call == "fallback":
            index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [bundle.descriptor()]}
            self.registry.push_manifest(repository, index, tag)
        return {
            "referrers": f"referrers/{subject}",
            "page": f"referrers/{subject}?page=2",
            "fallback": f"manifests/{tag}",
            "elsewhere": f"{repository.rpartition('/')[2]}/referrers/{subject}",
            "blob": f"blobs/{Digest.of(layer.content)}",
            "bundle": f"manifests/{bundle.digest}",
        }

    def _push(self, repository: str, layer: Layer, tag: str | None = None, **fields: Any) -> Pushed:
        described = self.registry.push_blob(repository, layer.content, layer.media_type)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.registry.push_blob(repository, b"{}", CONFIG_TYPE),
            "layers": [described | {"annotations": dict(layer.annotations)}],
        }
        return self.registry.push_manifest(repository, document | fields, tag)

    def _snapshot(self, call: str) -> Snapshot:
        key = {"publicKey": {"trustRoot": "acme", "name": "release"}}
        builder = {
            "maxLevel": 3,
            "signers": [key],
            "builderID": "Listed",
            "builderIDs": [BUILDER_ID],
            "buildTypes": [WORKFLOW_V1],
            "sourceFrom": "Provenance",
        }
        level = {"buildLevel": 1 if call in UNSIGNED else 3}
        require = {"signatures": [{"signers": [key]}]} if call in {"sig", "sig blob"} else level
        specs = {
            "TrustRoot": {"keys": [{"name": "release", "pem": self._foundry.key.pem}]},
            "TrustedBuilder": builder,
            "ClusterSLSAPolicy": {"mode": "Enforce", "tags": "Allow", "require": require},
        }
        store = PolicyStore()
        for kind in KINDS:
            metadata = {"name": "acme"}
            one = {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": specs.get(kind)}
            store.replace(kind, [one] if kind in specs else [])
        snapshot = store.current()
        assert snapshot is not None
        assert not snapshot.problems
        return snapshot
