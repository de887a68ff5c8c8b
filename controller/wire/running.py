"""Running pods, as the API server lists them: the images they run, by digest, and who made them.

Kubernetes API: core/v1 PodSpec and PodStatus (ContainerStatus.imageID), meta/v1 OwnerReference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from controller.core.errors import MalformedReference, MalformedReview
from controller.core.image import Digest
from controller.core.text import printable
from controller.core.workload import NO_SECRETS, Form, PulledWith, Slot, WorkloadImage
from controller.wire.podspec import Metadata, PodSpec, Shape, places, pulled_with
from controller.wire.podspec import Pod as SpecifiedPod
from controller.wire.shapes import convert

_T = TypeVar("_T")
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """An object in a namespace that is known by its owner: what an ownerReference and a report's scope say."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodShape:
    """What judging takes of a pod; equal ones are judged once. `name` is what a review knows it by."""

    name: str
    labels: tuple[tuple[str, str], ...]
    images: tuple[WorkloadImage, ...]
    pulled_with: PulledWith = NO_SECRETS


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPod:
    """A pod that has not ended. Of images that are waited for (no node has told an imageID yet) none is in `shape`."""

    namespace: str
    pod: Reference
    controller: Reference | None
    shape: PodShape
    waiting: bool


class _Owner(Shape, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _Metadata(Metadata, frozen=True, kw_only=True):
    namespace: str = ""
    uid: str = ""
    owner_references: tuple[_Owner, ...] | None = None


class _ContainerStatus(Shape, frozen=True, kw_only=True):
    name: str = ""
    image_id: str | None = msgspec.field(name="imageID", default=None)


class _Status(Shape, frozen=True, kw_only=True):
    phase: str | None = None
    init_container_statuses: tuple[_ContainerStatus, ...] | None = None
    container_statuses: tuple[_ContainerStatus, ...] | None = None
    ephemeral_container_statuses: tuple[_ContainerStatus, ...] | None = None


class _Pod(Shape, frozen=True, kw_only=True):
    metadata: _Metadata
    spec: PodSpec | None = None
    status: _Status | None = None


class _Owned(Shape, frozen=True, kw_only=True):
    metadata: _Metadata


def parse_running(document: Mapping[str, Any]) -> RunningPod | None:
    """The pod, or None when it has ended. Raises MalformedReview for one that can't be read.

    A digest in the spec decides; for a tag the container status's `imageID` does, read in the spec's repository. What
    tells no digest (a bare `sha256:` is the digest of a configuration) leaves a reference without one: unknown.
    """
    pod = _converted(document, _Pod)
    status = pod.status or _Status()
    if status.phase in _ENDED:
        return None
    told = {slot: image_id for slot, image_id in _image_ids(status) if image_id}
    grouped: dict[str, tuple[WorkloadImage, list[Slot]]] = {}
    waiting = False
    for place in places(SpecifiedPod(spec=pod.spec), "the pod", references=True):
        image = WorkloadImage.of(place.text, ())
        if _waited_for(image, place.slot, told):
            waiting = True
            continue
        image = _as_run(image, told.get(place.slot, ""))
        grouped.setdefault(image.text, (image, []))[1].append(place.slot)
    metadata = pod.metadata
    name = metadata.name or ""
    return RunningPod(
        namespace=metadata.namespace,
        pod=Reference(api_version="v1", kind="Pod", name=name, uid=metadata.uid),
        controller=_controller(metadata),
        shape=PodShape(
            name=metadata.generate_name or name,
            labels=tuple(sorted((metadata.labels or {}).items())),
            images=tuple(replace(image, slots=tuple(slots)) for image, slots in grouped.values()),
            pulled_with=pulled_with(pod.spec, Form.POD),
        ),
        waiting=waiting,
    )


def parse_owner(document: Mapping[str, Any]) -> tuple[str, Reference | None]:
    """The uid of an object, and the reference to its controller. Raises MalformedReview."""
    metadata = _converted(document, _Owned).metadata
    return metadata.uid, _controller(metadata)


def namespace_of(document: Mapping[str, Any]) -> str:
    """The namespace of an object that may be unreadable otherwise; empty where none is told."""
    metadata = document.get("metadata")
    return str(metadata.get("namespace") or "") if isinstance(metadata, Mapping) else ""


def _converted(document: Mapping[str, Any], shape: type[_T]) -> _T:
    try:
        return convert(document, shape)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedReview(printable(str(error))) from error


def _controller(metadata: _Metadata) -> Reference | None:
    for owner in metadata.owner_references or ():
        if owner.controller:
            return Reference(api_version=owner.api_version, kind=owner.kind, name=owner.name, uid=owner.uid)
    return None


def _image_ids(status: _Status) -> Iterator[tuple[Slot, str | None]]:
    for role, statuses in (
        ("init container", status.init_container_statuses),
        ("container", status.container_statuses),
        ("ephemeral container", status.ephemeral_container_statuses),
    ):
        for one in statuses or ():
            yield Slot(role=role, name=one.name), one.image_id


def _waited_for(image: WorkloadImage, slot: Slot, told: Mapping[Slot, str]) -> bool:
    """A node will tell of a container by tag what it runs; of a volume it never does."""
    by_tag = image.reference is not None and image.reference.digest is None
    return by_tag and slot.role != "volume" and slot not in told


def _as_run(image: WorkloadImage, image_id: str) -> WorkloadImage:
    if image.reference is None or image.reference.digest is not None:
        return image
    _, at, digest = image_id.rpartition("@")
    try:
        found = Digest.parse(digest) if at else None
    except MalformedReference:
        found = None
    reference = replace(image.reference, digest=found)
    return WorkloadImage(slots=(), text=str(reference), reference=reference)
