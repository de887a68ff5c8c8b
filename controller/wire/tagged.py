"""From a review of a pod to the images in it that are named by a tag and may have to be pinned.

Only pods run images, so only pods are pinned; a template is never rewritten (MODE-014).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.errors import MalformedReference
from controller.core.image import Digest, ImageReference
from controller.core.workload import Form, Slot, Workload, WorkloadImage
from controller.wire.admission import AdmissionRequest, Pin
from controller.wire.podspec import Metadata, Place, Pod, decode, made_by_a_node, places, pulled_with
from controller.wire.shapes import decoder

_pod = decoder(Pod)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedImage:
    """A place that names an image by tag, new or changed. `former` is the pinned text of the same tag there before."""

    place: Place
    reference: ImageReference
    former: str | None

    @property
    def image(self) -> WorkloadImage:
        """The image as policies are asked about it."""
        return WorkloadImage(slots=(self.place.slot,), text=str(self.reference), reference=self.reference)

    def pin(self, digest: Digest) -> Pin:
        """What to write in its place: the text as it is, with its tag said out loud, and the digest."""
        tag = f":{self.reference.tag}"
        named = self.place.text if self.place.text.endswith(tag) else f"{self.place.text}{tag}"
        return Pin(pointer=self.place.pointer, text=f"{named}@{digest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedPod:
    """A pod as policies are asked about it, and its images that are named by tag, in the order of the spec."""

    workload: Workload
    images: tuple[TaggedImage, ...]


def parse_tagged(request: AdmissionRequest) -> TaggedPod | None:
    """What may have to be pinned; None for what is no pod that is created or updated.

    Of an update what it changes: the image of a container that runs is left as it is. A mirror pod is the node's and
    never changed. Raises MalformedReview for a pod that can't be read.
    """
    kind = (request.kind.group, request.kind.version, request.kind.kind)
    if kind != ("", "v1", "Pod") or request.operation not in {"CREATE", "UPDATE"}:
        return None
    pod = decode(_pod, request.object, "request.object")
    if made_by_a_node(pod.metadata, request.user_info):
        return None
    before = _texts(request) if request.operation == "UPDATE" else {}
    changed = (one for one in places(pod, "request.object", references=True) if before.get(one.slot) != one.text)
    images = tuple(image for place in changed if (image := _tagged(place, before.get(place.slot))) is not None)
    metadata = pod.metadata or Metadata()
    workload = Workload(
        kind=request.kind.kind,
        namespace=request.namespace or "",
        name=request.name or metadata.name or "",
        form=Form.POD,
        labels=metadata.labels or {},
        images=tuple(image.image for image in images),
        namespace_labels=None,
        pulled_with=pulled_with(pod.spec, Form.POD),
    )
    return TaggedPod(workload=workload, images=images)


def _texts(request: AdmissionRequest) -> Mapping[Slot, str]:
    former = places(decode(_pod, request.old_object, "request.oldObject"), "request.oldObject", references=True)
    return {place.slot: place.text for place in former}


def _tagged(place: Place, before: str | None) -> TaggedImage | None:
    """None for a digest, and for what can't be read: both are the validating webhook's to judge."""
    reference = _reference(place.text)
    if reference is None or reference.digest is not None:
        return None
    former = _reference(before) if before else None
    pinned = former is not None and former.digest is not None
    same = former is not None and (former.repository, former.tag) == (reference.repository, reference.tag)
    return TaggedImage(place=place, reference=reference, former=before if pinned and same else None)


def _reference(text: str) -> ImageReference | None:
    try:
        return ImageReference.parse(text)
    except MalformedReference:
        return None
