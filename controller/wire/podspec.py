"""Pods and pod templates as JSON: the places of a pod spec that name an image.

Kubernetes API, core/v1 PodSpec. Fields that no decision needs, ownerReferences among them, are not even read: who owns
a pod is never a reason to skip it (COV-005).
"""

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from controller.core.errors import MalformedReview
from controller.core.text import printable
from controller.core.workload import NO_SECRETS, Form, PulledWith, Slot
from controller.wire.admission import UserInfo

_T = TypeVar("_T")

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
MAX_PLACES = (
    4096  # of one pod spec; the API server itself takes a few thousand containers before a request is too large
)
DEFAULT_SERVICE_ACCOUNT = "default"  # of a spec that names none
_VOLUMES = "volumes"
_NODES_GROUP, _NODE_PREFIX = "system:nodes", "system:node:"


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Null and absent are the same in a Kubernetes object; unknown fields are ignored."""


class Metadata(Shape, frozen=True, kw_only=True):
    """What judging needs of an object's metadata."""

    name: str | None = None
    generate_name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Container(Shape, frozen=True, kw_only=True):
    """A container of any role."""

    name: str | None = None
    image: str | None = None


class ImageVolume(Shape, frozen=True, kw_only=True):
    """An image that is mounted and not run (OCI volume source)."""

    reference: str | None = None


class Volume(Shape, frozen=True, kw_only=True):
    """A volume; only those of images matter."""

    name: str | None = None
    image: ImageVolume | None = None


class LocalReference(Shape, frozen=True, kw_only=True):
    """An object of the same namespace."""

    name: str | None = None


class PodSpec(Shape, frozen=True, kw_only=True):
    """Every list of a pod spec that can name an image, and with what its images are pulled."""

    init_containers: tuple[Container, ...] | None = None
    containers: tuple[Container, ...] | None = None
    ephemeral_containers: tuple[Container, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    image_pull_secrets: tuple[LocalReference, ...] | None = None
    service_account_name: str | None = None


class Pod(Shape, frozen=True, kw_only=True):
    """A pod, and a pod template, which has the same two fields."""

    metadata: Metadata | None = None
    spec: PodSpec | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One place that names an image: `text` as it is written, in which list of the spec it is, and where in that."""

    slot: Slot
    text: str
    field: str
    index: int

    @property
    def pointer(self) -> str:
        """The way to the text from the pod (RFC 6901)."""
        return f"/spec/{self.field}/{self.index}/image{'/reference' if self.field == _VOLUMES else ''}"


def places(pod: Pod, where: str, *, references: bool) -> tuple[Place, ...]:
    """Every place that names an image: init, app and ephemeral containers, then volumes.

    `references` says that a volume has to name its image: a template may leave that to somebody else, and its pods are
    judged. Raises MalformedReview for a spec without containers (COV-015), for a place that names no image, and for
    more than MAX_PLACES.
    """
    spec = pod.spec or PodSpec()
    if not spec.containers:
        raise MalformedReview(f"{where} has no containers")
    found = tuple(islice(_places(spec, where, references=references), MAX_PLACES + 1))
    if len(found) > MAX_PLACES:
        raise MalformedReview(f"{where} names more than {MAX_PLACES} images")
    return found


def pulled_with(spec: PodSpec | None, form: Form) -> PulledWith:
    """The Secrets that the spec names; of a template that names none, whose it is to name them."""
    spec = spec or PodSpec()
    if spec.image_pull_secrets:
        secrets = tuple(dict.fromkeys(one.name for one in spec.image_pull_secrets if one.name))
        if secrets:
            return PulledWith(secrets=secrets)
    if form is Form.POD:
        return NO_SECRETS
    return PulledWith(service_account=spec.service_account_name or DEFAULT_SERVICE_ACCOUNT)


def made_by_a_node(metadata: Metadata | None, user: UserInfo | None) -> bool:
    """A mirror pod of a static one. The annotation alone is a claim; only the user behind the request counts."""
    annotations = (metadata.annotations if metadata else None) or {}
    if MIRROR_ANNOTATION not in annotations or user is None:
        return False
    return _NODES_GROUP in (user.groups or ()) and (user.username or "").startswith(_NODE_PREFIX)


def decode(known: "msgspec.json.Decoder[_T]", content: msgspec.Raw, where: str) -> _T:
    """Read a part of a request; raises MalformedReview, whose message names the part."""
    try:
        return known.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedReview(f"{where}: {printable(str(error))}") from error


def _place(slot: Slot, text: str | None, field: str, index: int, where: str) -> Place:
    if not text:
        raise MalformedReview(f"{where}: {slot} names no image")
    return Place(slot=slot, text=text, field=field, index=index)


def _places(spec: PodSpec, where: str, *, references: bool) -> Iterator[Place]:
    for role, field, containers in (
        ("init container", "initContainers", spec.init_containers),
        ("container", "containers", spec.containers),
        ("ephemeral container", "ephemeralContainers", spec.ephemeral_containers),
    ):
        for index, container in enumerate(containers or ()):
            yield _place(Slot(role=role, name=container.name or ""), container.image, field, index, where)
    for index, volume in enumerate(spec.volumes or ()):
        if volume.image is not None and (references or volume.image.reference):
            yield _place(Slot(role="volume", name=volume.name or ""), volume.image.reference, _VOLUMES, index, where)
