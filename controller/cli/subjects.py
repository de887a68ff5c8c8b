"""The images that the command line names: in registries, or in OCI layouts on disk."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import click

from controller.core.image import ImageReference, Repository
from controller.core.text import printable
from controller.core.workload import Form, Workload, WorkloadImage
from controller.registry.layout import LayoutRegistry, open_image
from controller.wire.layout import PREFIX, LayoutReference

POD = "Pod"  # every other kind holds a template

_LABEL = re.compile(r"(?P<name>[A-Za-z0-9][-A-Za-z0-9_./]*)=(?P<value>[-A-Za-z0-9_.]*)")


@dataclass(frozen=True, slots=True)
class Subject:
    """An image to judge, and the layout that it is in; None: it is in its registry."""

    reference: ImageReference
    layout: LayoutRegistry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The workload that would run the images, as far as policies ask for it."""

    kind: str
    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str] | None

    def workload(self, reference: ImageReference) -> Workload:
        """A workload of this one image."""
        return Workload(
            kind=self.kind,
            namespace=self.namespace,
            name="",
            form=Form.POD if self.kind == POD else Form.TEMPLATE,
            labels=self.labels,
            images=(WorkloadImage(slots=(), text=str(reference), reference=reference),),
            namespace_labels=self.namespace_labels,
        )


def read_subjects(images: Iterable[str], *, stands_for: str | None) -> tuple[Subject, ...]:
    """Each distinct image once, in order. Opens layouts, and blocks.

    `stands_for` names the repository for which all layouts stand. Raises MalformedReference, click.UsageError where
    `stands_for` has nothing to name, and what opening a layout raises.
    """
    named = tuple(dict.fromkeys(images))
    if stands_for is not None and not any(image.startswith(PREFIX) for image in named):
        raise click.UsageError(f"--as says which repository a layout stands for: there is no {PREFIX}PATH")
    repository = None if stands_for is None else Repository.parse(stands_for)
    return tuple(_subject(image, repository) for image in named)


def read_labels(text: str) -> Mapping[str, str]:
    """Read `name=value,...`; raises click.UsageError."""
    labels: dict[str, str] = {}
    for entry in text.split(",") if text else ():
        found = _LABEL.fullmatch(entry)
        if found is None or found["name"] in labels:
            raise click.UsageError(f"--labels: {printable(entry)!r} is no label, or stands twice: write app=web,tier=x")
        labels[found["name"]] = found["value"]
    return labels


def _subject(image: str, repository: Repository | None) -> Subject:
    if not image.startswith(PREFIX):
        return Subject(ImageReference.parse(image), None)
    layout, reference = open_image(LayoutReference.parse(image), repository=repository)
    return Subject(reference, layout)
