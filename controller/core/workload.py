"""What is to be judged: a workload and its images, whatever the kind that brought them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from controller.core.errors import MalformedReference
from controller.core.image import ImageReference
from controller.core.text import printable

_MAX_KEPT_CHARACTERS = 512  # what is longer is read anew each time


class Form(Enum):
    """A pod runs what it says; a template is only the promise of pods, and is never rewritten."""

    POD = "pod"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place of a pod spec that names an image: `role` is init container, container, ephemeral container or volume."""

    role: str
    name: str

    def __str__(self) -> str:
        return f'{self.role} "{printable(self.name, limit=63)}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadImage:
    """One distinct image of a workload and every slot that uses it.

    `reference` is None when the text is no image reference; `text` is fit to print either way.
    """

    slots: tuple[Slot, ...]
    text: str
    reference: ImageReference | None

    @classmethod
    def of(cls, text: str, slots: tuple[Slot, ...]) -> "WorkloadImage":
        """Read the image as the workload writes it. Never raises: a malformed one is judged, not lost."""
        shown, reference = read_image(text)
        return cls(slots=slots, text=shown, reference=reference)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PulledWith:
    """By which Secrets of its namespace a workload's images are pulled, as Kubernetes has it.

    `secrets` are the names in the pod spec. Where a template gives none, those of `service_account` count: its pods are
    given them when they are created, so that of a pod the spec alone tells.
    """

    secrets: tuple[str, ...] = ()
    service_account: str = ""


NO_SECRETS = PulledWith()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload as judged: `images` are those to judge (of an update: the added and changed ones).

    `labels` are the pod's, or its template's. `namespace_labels` is None when they could not be found out.
    `mirror`: a node made this pod for a static one; refusing it would only hide what runs.
    """

    kind: str
    namespace: str
    name: str
    form: Form
    labels: Mapping[str, str]
    images: tuple[WorkloadImage, ...]
    namespace_labels: Mapping[str, str] | None
    mirror: bool = False
    pulled_with: PulledWith = NO_SECRETS


def read_image(text: str) -> tuple[str, ImageReference | None]:
    """What the text is when it is shown, and the reference that it is, if it is one."""
    return _kept(text) if len(text) <= _MAX_KEPT_CHARACTERS else _read(text)


def _read(text: str) -> tuple[str, ImageReference | None]:
    try:
        reference = ImageReference.parse(text)
    except MalformedReference:
        return printable(text, limit=120), None
    return str(reference), reference


@lru_cache(maxsize=4096)
def _kept(text: str) -> tuple[str, ImageReference | None]:
    """A cluster runs few images, and asks about each of them many times."""
    return _read(text)
