"""Reads a decision case and carries it out: policies compiled, evidence signed and verified, one decision made."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controller.core.evidence import Evidence, Gap, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.core.reasons import Reason
from controller.engine.evidence import gather
from controller.engine.family import Child, Family
from controller.engine.gathering import GatherRequest
from controller.engine.look import Found
from controller.engine.policies import PolicyStore, Snapshot
from controller.engine.question import Image, Question
from controller.trust.verify import judge_candidate
from controller.wire.policy.kinds import KINDS
from controller.wire.policy.unlinked import TufSource
from controller.wire.refreshed import Place, RefreshedRoot, render_refreshed, source_of
from tests.support.caseevidence import DIGEST, IMAGE, candidate, filled, layer, merged
from tests.support.layouts import LayoutFolder, image, index
from tests.support.plainyaml import read_documents, read_yaml

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FOLDER = Path(__file__).resolve().parents[1] / "decisions"

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One decision: what is believed, what is attached, what is asked, and what must come out.

    `evidence` is what is attached to the image, `children` to each child of it when it is an index, and `others` to
    other images, by name; a text says why none could be gathered.
    """

    name: str
    says: str
    ids: tuple[str, ...]
    objects: tuple[Json, ...]
    evidence: list[Json] | str
    children: tuple[list[Json], ...] = ()
    others: Mapping[str, list[Json]] = field(default_factory=dict)
    config_maps: tuple[Json, ...] = ()
    workload: Json = field(default_factory=dict)
    uncovered: str
    now: datetime = NOW
    expected: Json

    def snapshot(self) -> Snapshot:
        """The policies as the webhook and every other caller would hold them."""
        store = PolicyStore()
        for kind in KINDS:
            store.replace(kind, [one for one in self.objects if one["kind"] == kind])
        store.replace_config_maps(self.config_maps)
        snapshot = store.current()
        assert snapshot is not None
        return snapshot

    @property
    def namespace_labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.workload.get("namespace_labels", {})
        return labels

    async def gather(self, request: GatherRequest) -> Evidence:
        """What the case attaches, verified by the real verification: nothing but the registry is a double."""
        return await gather(request, self)

    async def resolve(self, _request: GatherRequest) -> Image:
        """Every tag points to the image."""
        return Image(digest=self.subject, family=None)

    async def look(self, question: Question, _request: GatherRequest) -> Found:
        """What is attached to one image, and which children it has."""
        children = {Digest.of(one): entries for one, entries in zip(self.manifests, self.children, strict=True)}
        attached = (
            {self.subject: self.evidence} | children | {image_of(name): said for name, said in self.others.items()}
        )
        said = attached.get(question.digest, [])
        if isinstance(said, str):
            gap = Gap(reason=Reason.RegistryUnavailable, detail="the registry answered 503")
            return Found(evidence=Evidence(digest=question.digest, gaps=(gap,)), weight=0)
        if question.digest != self.subject or not children:
            return Found(evidence=_proven(question, said), weight=0)
        family = Family(children=tuple(Child(digest=one, platform=None, attestations=()) for one in children), gap=None)
        evidence = replace(_proven(question, said), unread=tuple(children))
        return Found(evidence=evidence, family=family, weight=0)

    @property
    def manifests(self) -> tuple[bytes, ...]:
        """The children, where the image is an index."""
        return tuple(image(f"child {n}") for n, _ in enumerate(self.children))

    @property
    def subject(self) -> Digest:
        """What is judged: the image, or the index of the children."""
        return Digest.of(index(self.manifests)) if self.children else DIGEST

    @property
    def images(self) -> tuple[str, ...]:
        """The images of the workload, as it names them."""
        return tuple(filled(one) for one in self.workload.get("images", [f"ghcr.io/acme/shop@{self.subject}"]))

    @property
    def kind(self) -> str:
        """What is created."""
        found: str = self.workload.get("kind", "Pod")
        return found

    def layout(self, path: Path) -> Path | None:
        """The image with what the case attaches, as a layout with every tag that the case names; None: unavailable."""
        if isinstance(self.evidence, str):
            return None
        tags = {image.rpartition(":")[2] for image in self.images if "@" not in image}
        folder, layers = LayoutFolder(path), [layer(entry, self.subject) for entry in self.evidence]
        if not self.children:
            folder.add(IMAGE, *layers, tag=min(tags, default=None))
            return path
        for manifest, entries in zip(self.manifests, self.children, strict=True):
            folder.add(manifest, *(layer(entry, Digest.of(manifest)) for entry in entries))
        folder.add_index(self.manifests, *layers)
        return path

    def submitted(self) -> Json:
        """The object that somebody creates."""
        containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(self.images)]
        metadata = {"name": "web", "namespace": "shop", "labels": self.workload.get("labels", {})}
        spec: Json = {"containers": containers}
        if self.kind != "Pod":
            spec = {"template": {"metadata": {}, "spec": spec}}
        version = "v1" if self.kind == "Pod" else "apps/v1"
        return {"apiVersion": version, "kind": self.kind, "metadata": metadata, "spec": spec}

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
            "object": self.submitted(),
            "oldObject": None,
            "dryRun": False,
        }
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def image_of(name: str) -> Digest:
    """The digest of another image than the one that is judged."""
    return Digest.of(name.encode())


def base() -> list[Json]:
    """The objects that every case starts from."""
    return read_documents((FOLDER / "base.yaml").read_text())


def read_cases() -> list[Case]:
    """Every case of the folder."""
    objects = base()
    paths = sorted((FOLDER / "cases").glob("*.yaml"))
    return [read_case(path.stem, read_yaml(path.read_text()), objects) for path in paths]


def read_case(name: str, document: Json, objects: Iterable[Json]) -> Case:
    """One case as it is written down, on top of these objects."""
    return Case(
        name=name,
        says=document["says"],
        ids=tuple(document.get("case", ())),
        objects=tuple(filled(one) for one in _changed(objects, document.get("change", []))),
        evidence=document["evidence"],
        children=tuple(document.get("children", ())),
        others=document.get("others", {}),
        config_maps=(*(filled(one) for one in document.get("config_maps", ())), *_refreshed(document.get("refreshed"))),
        workload=document.get("workload", {}),
        uncovered=document.get("uncovered", "Allow"),
        now=datetime.fromisoformat(document["now"]) if "now" in document else NOW,
        expected=document["expected"],
    )


def _changed(base: Iterable[Json], changes: list[Json]) -> list[Json]:
    objects = {(one["kind"], "", one["metadata"]["name"]): copy.deepcopy(one) for one in base}
    for change in changes:
        kind, namespace, name = key = (change["kind"], change.get("namespace", ""), change["name"])
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {}) | change.get("metadata", {})
        fresh = {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": {}}
        target = objects.setdefault(key, fresh)
        target["spec"] = merged(target["spec"], change["spec"])
    return list(objects.values())


def _refreshed(said: Json | None) -> Iterator[Json]:
    """What the operator leaves of a refresh from this source at that time."""
    if said is None:
        return
    tuf = TufSource(url=said["url"], root=said["metadata"], target=said["target"], stale_after=timedelta())
    root = RefreshedRoot(
        root=said["root"],
        source=source_of(tuf),
        document=filled("{{trusted_root}}"),
        refreshed=datetime.fromisoformat(said["at"]),
    )
    yield dict(render_refreshed(Place(namespace="navicert", name="refreshed", version="", uid="1"), root))


def _proven(question: Question, entries: list[Json]) -> Evidence:
    """What these entries prove about the digest that is asked about."""
    subject, statements, refused = question.digest, set[VerifiedStatement](), set[Refused]()
    for entry in entries:
        found, roots = candidate(filled(entry), subject), question.roots
        judged = judge_candidate(found, subject=subject, roots=roots, now=question.now, keep=question.kept)
        if isinstance(judged, Refused):
            refused.add(judged)
        else:
            statements.update(judged)
    return Evidence(digest=subject, statements=tuple(statements), refused=tuple(refused))
