"""From an admission request to the workload that is judged: its kind, its labels and its images.

Kubernetes API: the workload kinds of core/v1, apps/v1 and batch/v1 that are a pod or hold a pod template.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from controller.core.errors import MalformedReview
from controller.core.image import ImageReference
from controller.core.text import printable
from controller.core.workload import Form, Slot, Workload, WorkloadImage, read_image
from controller.wire.admission import AdmissionRequest
from controller.wire.podspec import Metadata, Place, Pod, Shape, decode, made_by_a_node, places, pulled_with
from controller.wire.shapes import decoder


class _TemplateSpec(Shape, frozen=True, kw_only=True):
    template: Pod | None = None


class _Templated(Shape, frozen=True, kw_only=True):
    metadata: Metadata | None = None
    spec: _TemplateSpec | None = None


class _CronJobSpec(Shape, frozen=True, kw_only=True):
    job_template: _Templated | None = None


class _CronJob(Shape, frozen=True, kw_only=True):
    metadata: Metadata | None = None
    spec: _CronJobSpec | None = None


_Object = Pod | _Templated | _CronJob
_KINDS: dict[tuple[str, str, str], "msgspec.json.Decoder[Any]"] = {
    ("", "v1", "Pod"): decoder(Pod),
    ("", "v1", "ReplicationController"): decoder(_Templated),
    ("apps", "v1", "Deployment"): decoder(_Templated),
    ("apps", "v1", "ReplicaSet"): decoder(_Templated),
    ("apps", "v1", "StatefulSet"): decoder(_Templated),
    ("apps", "v1", "DaemonSet"): decoder(_Templated),
    ("batch", "v1", "Job"): decoder(_Templated),
    ("batch", "v1", "CronJob"): decoder(_CronJob),
}

WORKLOAD_KINDS = tuple(sorted(kind for _, _, kind in _KINDS))


def parse_workload(request: AdmissionRequest, namespace_labels: Mapping[str, str] | None = None) -> Workload:
    """What is to be judged: of a CREATE every image, of an UPDATE the slots that are new or name another image.

    `images` is empty only for an UPDATE that adds and changes none. `namespace_labels` are those of its namespace,
    where they are known. Raises MalformedReview for another kind (SVC-015), another operation, a pod spec without
    containers (COV-015) and an image that is not there.
    """
    known = _KINDS.get((request.kind.group, request.kind.version, request.kind.kind))
    if known is None:
        raise MalformedReview(f"{printable(str(request.kind))} carries no pod spec that Navicert knows")
    if not request.namespace:
        raise MalformedReview("request.namespace is missing")
    current: _Object = decode(known, request.object, "request.object")
    pod = _pod(current)
    form = Form.POD if isinstance(current, Pod) else Form.TEMPLATE
    judged = places(pod, "request.object", references=form is Form.POD)
    if request.operation == "UPDATE":
        old = _pod(decode(known, request.old_object, "request.oldObject"))
        former = places(old, "request.oldObject", references=form is Form.POD)
        before = {(place.slot, place.text) for place in former}
        judged = tuple(place for place in judged if (place.slot, place.text) not in before)
    elif request.operation != "CREATE":
        raise MalformedReview(
            f"operation {printable(request.operation, limit=40)} is not judged: CREATE and UPDATE are"
        )
    return Workload(
        kind=request.kind.kind,
        namespace=request.namespace,
        name=_name(request, current.metadata or Metadata()),
        form=form,
        labels=(pod.metadata or Metadata()).labels or {},
        images=_images(judged),
        namespace_labels=namespace_labels,
        mirror=isinstance(current, Pod) and made_by_a_node(current.metadata, request.user_info),
        pulled_with=pulled_with(pod.spec, form),
    )


def _pod(workload: _Object) -> Pod:
    """The pod or template inside; an empty one, which is refused for having no containers, where there is none."""
    if isinstance(workload, Pod):
        return workload
    templated = workload.spec.job_template if isinstance(workload, _CronJob) and workload.spec else workload
    spec = templated.spec if isinstance(templated, _Templated) else None
    return (spec.template if spec else None) or Pod()


def _images(named: Iterable[Place]) -> tuple[WorkloadImage, ...]:
    """One entry for each distinct image, in order of appearance; different spellings of one reference are one image."""
    grouped: dict[str, tuple[str, ImageReference | None, list[Slot]]] = {}
    for place in named:
        shown, reference = read_image(place.text)
        name = place.text if reference is None else shown  # no reference looks like what is none
        grouped.setdefault(name, (shown, reference, []))[2].append(place.slot)
    return tuple(
        [
            WorkloadImage(slots=tuple(slots), text=shown, reference=reference)
            for shown, reference, slots in grouped.values()
        ]
    )


def _name(request: AdmissionRequest, metadata: Metadata) -> str:
    """For people: a pod that a controller creates has no name yet, only the prefix of one."""
    return request.name or metadata.name or metadata.generate_name or ""
