"""From an admission request to the workload that is judged: its kind, its labels and its images.

Kubernetes API: core/v1 PodSpec, and the workload kinds of apps/v1 and batch/v1 that hold a pod template. Fields that
no decision needs, ownerReferences among them, are not even read: who owns a pod is never a reason to skip it (COV-005).
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from controller.core.errors import MalformedReview
from controller.core.image import ImageReference
from controller.core.text import printable
from controller.core.workload import Form, Slot, Workload, WorkloadImage
from controller.wire.admission import AdmissionRequest, UserInfo

_T = TypeVar("_T")

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
_NODES_GROUP, _NODE_PREFIX = "system:nodes", "system:node:"


class _Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Null and absent are the same in a Kubernetes object; unknown fields are ignored."""


class _Metadata(_Shape, frozen=True, kw_only=True):
    name: str | None = None
    generate_name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Container(_Shape, frozen=True, kw_only=True):
    name: str | None = None
    image: str | None = None


class _ImageVolume(_Shape, frozen=True, kw_only=True):
    reference: str | None = None


class _Volume(_Shape, frozen=True, kw_only=True):
    name: str | None = None
    image: _ImageVolume | None = None


class _PodSpec(_Shape, frozen=True, kw_only=True):
    init_containers: tuple[_Container, ...] | None = None
    containers: tuple[_Container, ...] | None = None
    ephemeral_containers: tuple[_Container, ...] | None = None
    volumes: tuple[_Volume, ...] | None = None


class _Pod(_Shape, frozen=True, kw_only=True):
    """A pod, and a pod template, which has the same two fields."""

    metadata: _Metadata | None = None
    spec: _PodSpec | None = None


class _TemplateSpec(_Shape, frozen=True, kw_only=True):
    template: _Pod | None = None


class _Templated(_Shape, frozen=True, kw_only=True):
    metadata: _Metadata | None = None
    spec: _TemplateSpec | None = None


class _CronJobSpec(_Shape, frozen=True, kw_only=True):
    job_template: _Templated | None = None


class _CronJob(_Shape, frozen=True, kw_only=True):
    metadata: _Metadata | None = None
    spec: _CronJobSpec | None = None


_Object = _Pod | _Templated | _CronJob
_KINDS: dict[tuple[str, str, str], "msgspec.json.Decoder[Any]"] = {
    ("", "v1", "Pod"): msgspec.json.Decoder(_Pod),
    ("", "v1", "ReplicationController"): msgspec.json.Decoder(_Templated),
    ("apps", "v1", "Deployment"): msgspec.json.Decoder(_Templated),
    ("apps", "v1", "ReplicaSet"): msgspec.json.Decoder(_Templated),
    ("apps", "v1", "StatefulSet"): msgspec.json.Decoder(_Templated),
    ("apps", "v1", "DaemonSet"): msgspec.json.Decoder(_Templated),
    ("batch", "v1", "Job"): msgspec.json.Decoder(_Templated),
    ("batch", "v1", "CronJob"): msgspec.json.Decoder(_CronJob),
}

_Place = tuple[Slot, str]


def parse_workload(request: AdmissionRequest) -> Workload:
    """What is to be judged: of a CREATE every image, of an UPDATE the slots that are new or name another image.

    `images` is empty only for an UPDATE that adds and changes none. The labels of the namespace are not known here and
    left None. Raises MalformedReview for another kind (SVC-015), another operation, a pod spec without containers
    (COV-015) and an image that is not there.
    """
    decoder = _KINDS.get((request.kind.group, request.kind.version, request.kind.kind))
    if decoder is None:
        raise MalformedReview(f"{printable(str(request.kind))} carries no pod spec that Navicert knows")
    if not request.namespace:
        raise MalformedReview("request.namespace is missing")
    current: _Object = _decode(decoder, request.object, "request.object")
    pod = _pod(current)
    form = Form.POD if isinstance(current, _Pod) else Form.TEMPLATE
    places = tuple(_places(pod, form, "request.object"))
    if request.operation == "UPDATE":
        former = _pod(_decode(decoder, request.old_object, "request.oldObject"))
        before = frozenset(_places(former, form, "request.oldObject"))
        places = tuple(place for place in places if place not in before)
    elif request.operation != "CREATE":
        raise MalformedReview(
            f"operation {printable(request.operation, limit=40)} is not judged: CREATE and UPDATE are"
        )
    return Workload(
        kind=request.kind.kind,
        namespace=request.namespace,
        name=_name(request, current.metadata or _Metadata()),
        form=form,
        labels=(pod.metadata or _Metadata()).labels or {},
        images=_images(places),
        namespace_labels=None,
        mirror=isinstance(current, _Pod) and _made_by_a_node(current.metadata, request.user_info),
    )


def _pod(workload: _Object) -> _Pod:
    """The pod or template inside; an empty one, which is refused for having no containers, where there is none."""
    if isinstance(workload, _Pod):
        return workload
    templated = workload.spec.job_template if isinstance(workload, _CronJob) and workload.spec else workload
    spec = templated.spec if isinstance(templated, _Templated) else None
    return (spec.template if spec else None) or _Pod()


def _places(pod: _Pod, form: Form, where: str) -> Iterator[_Place]:
    """Every slot that names an image, with the text as it is written.

    A template may leave the reference of an image volume out, for somebody else to fill in: its pods are judged.
    """
    spec = pod.spec or _PodSpec()
    if not spec.containers:
        raise MalformedReview(f"{where} has no containers")
    for role, containers in (
        ("init container", spec.init_containers),
        ("container", spec.containers),
        ("ephemeral container", spec.ephemeral_containers),
    ):
        for container in containers or ():
            yield _place(role, container.name, container.image, where)
    for volume in spec.volumes or ():
        if volume.image is not None and (form is Form.POD or volume.image.reference):
            yield _place("volume", volume.name, volume.image.reference, where)


def _place(role: str, name: str | None, text: str | None, where: str) -> _Place:
    slot = Slot(role=role, name=name or "")
    if not text:
        raise MalformedReview(f"{where}: {slot} names no image")
    return slot, text


def _images(places: Iterable[_Place]) -> tuple[WorkloadImage, ...]:
    """One entry for each distinct image, in order of appearance; different spellings of one reference are one image."""
    grouped: dict[ImageReference | str, list[_Place]] = {}
    for slot, text in places:
        reference = WorkloadImage.of(text, ()).reference
        grouped.setdefault(reference or text, []).append((slot, text))
    return tuple(WorkloadImage.of(group[0][1], tuple(slot for slot, _ in group)) for group in grouped.values())


def _name(request: AdmissionRequest, metadata: _Metadata) -> str:
    """For people: a pod that a controller creates has no name yet, only the prefix of one."""
    return request.name or metadata.name or metadata.generate_name or ""


def _made_by_a_node(metadata: _Metadata | None, user: UserInfo | None) -> bool:
    """A mirror pod of a static one. The annotation alone is a claim; only the user behind the request counts."""
    annotations = (metadata.annotations if metadata else None) or {}
    if MIRROR_ANNOTATION not in annotations or user is None:
        return False
    return _NODES_GROUP in (user.groups or ()) and (user.username or "").startswith(_NODE_PREFIX)


def _decode(decoder: "msgspec.json.Decoder[_T]", content: msgspec.Raw, where: str) -> _T:
    try:
        return decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedReview(f"{where}: {printable(str(error))}") from error
