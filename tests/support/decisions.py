"""Reads a decision case and carries it out: policies compiled, evidence signed and verified, one decision made."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from controller.core.evidence import Evidence, Gap, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.core.reasons import Reason
from controller.engine.gathering import GatherRequest
from controller.engine.policies import PolicyStore, Snapshot
from controller.trust.verify import judge_candidate
from controller.wire.policy.kinds import KINDS
from tests.support.foundry import Foundry, Layer, SigningKey, another_digest, encode
from tests.support.layouts import LayoutFolder, image

IMAGE = image("the image")
DIGEST = Digest.of(IMAGE)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
FOLDER = Path(__file__).resolve().parents[1] / "decisions"
KEYS = {name: SigningKey() for name in ("builder", "release", "security", "stranger")}

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One decision: what is believed, what is attached, what is asked, and what must come out."""

    name: str
    says: str
    ids: tuple[str, ...]
    objects: tuple[Json, ...]
    evidence: list[Json] | str
    images: tuple[str, ...]
    kind: str
    uncovered: str
    expected: Json

    def snapshot(self) -> Snapshot:
        """The policies as the webhook and every other caller would hold them."""
        store = PolicyStore()
        for kind in KINDS:
            store.replace(kind, [one for one in self.objects if one["kind"] == kind])
        snapshot = store.current()
        assert snapshot is not None
        return snapshot

    async def gather(self, request: GatherRequest) -> Evidence:
        """Stands for the registry: what the case attaches, verified by the real verification."""
        if isinstance(self.evidence, str):
            gap = Gap(reason=Reason.RegistryUnavailable, detail="the registry answered 503")
            return Evidence(digest=request.reference.digest, gaps=(gap,))
        statements: list[VerifiedStatement] = []
        refused: list[Refused] = []
        for entry in self.evidence:
            judged = judge_candidate(_layer(entry).candidate(), subject=DIGEST, roots=request.roots, now=request.now)
            if isinstance(judged, Refused):
                refused.append(judged)
            else:
                statements.extend(judged)
        return Evidence(digest=DIGEST, statements=tuple(statements), refused=tuple(refused))

    def layout(self, path: Path) -> Path | None:
        """The image with what the case attaches, as a layout with every tag that the case names; None: unavailable."""
        if isinstance(self.evidence, str):
            return None
        tags = {image.rpartition(":")[2] for image in self.images if "@" not in image}
        LayoutFolder(path).add(IMAGE, *map(_layer, self.evidence), tag=min(tags, default=None))
        return path

    def review(self) -> Json:
        """The AdmissionReview that an API server would send."""
        group, resource = ("", "pods") if self.kind == "Pod" else ("apps", "deployments")
        request = {
            "uid": "0b5cbe35-4c53-4a0f-8d4a-2a5fcbb1f1a5",
            "kind": {"group": group, "version": "v1", "kind": self.kind},
            "resource": {"group": group, "version": "v1", "resource": resource},
            "operation": "CREATE",
            "namespace": "shop",
            "name": "web",
            "userInfo": {"username": "someone", "groups": ["system:authenticated"]},
            "object": self.workload(),
            "oldObject": None,
            "dryRun": False,
        }
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}

    def workload(self) -> Json:
        """The object that somebody creates."""
        containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(self.images)]
        metadata = {"name": "web", "namespace": "shop"}
        spec: Json = {"containers": containers}
        if self.kind != "Pod":
            spec = {"template": {"metadata": {}, "spec": spec}}
        version = "v1" if self.kind == "Pod" else "apps/v1"
        return {"apiVersion": version, "kind": self.kind, "metadata": metadata, "spec": spec}


def read_cases() -> list[Case]:
    """Every case of the folder."""
    base = list(yaml.safe_load_all((FOLDER / "base.yaml").read_text()))
    return [_case(path, base) for path in sorted((FOLDER / "cases").glob("*.yaml"))]


def _case(path: Path, base: list[Json]) -> Case:
    document = yaml.safe_load(path.read_text())
    workload = document.get("workload", {})
    return Case(
        name=path.stem,
        says=document["says"],
        ids=tuple(document.get("case", ())),
        objects=tuple(_fill(one) for one in _changed(base, document.get("change", []))),
        evidence=document["evidence"],
        images=tuple(workload.get("images", [f"ghcr.io/acme/shop@{DIGEST}"])),
        kind=workload.get("kind", "Pod"),
        uncovered=document.get("uncovered", "Allow"),
        expected=document["expected"],
    )


def _changed(base: list[Json], changes: list[Json]) -> list[Json]:
    objects = {(one["kind"], one["metadata"]["name"]): copy.deepcopy(one) for one in base}
    for change in changes:
        key = (change["kind"], change["name"])
        fresh = {"apiVersion": "navicert.dev/v1alpha1", "kind": key[0], "metadata": {"name": key[1]}, "spec": {}}
        target = objects.setdefault(key, fresh)
        target["spec"] = _merged(target["spec"], change["spec"])
    return list(objects.values())


def _merged(target: Json, patch: Mapping[str, Any]) -> Json:
    """JSON merge patch (RFC 7396)."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _merged(merged.get(key, {}), value)
        else:
            merged[key] = value
    return merged


def _fill(value: Any) -> Any:
    if isinstance(value, str):
        for name, key in KEYS.items():
            value = value.replace("{{" + name + "}}", key.pem)
        return value.replace("{{digest}}", str(DIGEST))
    if isinstance(value, dict):
        return {key: _fill(one) for key, one in value.items()}
    return [_fill(one) for one in value] if isinstance(value, list) else value


def _layer(entry: Json) -> Layer:
    """One piece of evidence: what kind it is, who signs it, what it is about, and the one thing that is broken."""
    foundry = Foundry()
    subject = another_digest(DIGEST) if entry.get("about") == "another" else DIGEST
    if "simple_signing" in entry:
        payload = foundry.simple_signing(subject, **entry["simple_signing"])
        return foundry.signature_layer(payload, KEYS[entry.get("by", "release")])
    if "signature" in entry:
        payload, signer = foundry.image_signature(subject), entry.get("by", "release")
    else:
        payload, signer = foundry.provenance(subject, **entry["provenance"]), entry.get("by", "builder")
    if "predicate_type" in entry:
        payload = payload.replace(b"https://slsa.dev/provenance/v1", entry["predicate_type"].encode())
    return _broken(foundry, payload, KEYS[signer], entry.get("break"))


def _broken(foundry: Foundry, payload: bytes, key: SigningKey, defect: str | None) -> Layer:
    layer = foundry.bundle_layer(payload, key)
    if defect == "payload":
        document = foundry.envelope_document(payload, keys=(key,))
        document["payload"] = foundry.envelope_document(payload.replace(b"acme", b"evil"))["payload"]
        content = encode(foundry.bundle_document(document))
    elif defect == "json":
        content = layer.content[:-1]
    else:
        return layer
    return replace(layer, content=content)
