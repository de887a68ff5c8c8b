"""Writing an OCI layout: whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from controller.core.errors import MalformedDocument
from controller.core.image import Digest
from controller.core.text import printable
from controller.registry.layoutfiles import BLOBS
from controller.wire.layout import INDEX_FILE, REF_NAME, VERSION_FILE, render_index, render_version
from controller.wire.oci import Descriptor


class LayoutWriter:
    """A layout while it is written. What is stored twice is there once; what is listed keeps its order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder.joinpath(*BLOBS)
        self._blobs.mkdir(parents=True)
        self._entries: list[Descriptor] = []

    def store(self, content: bytes) -> Digest:
        """Keep this content under its own digest."""
        digest = Digest.of(content)
        (self._blobs / digest.hex).write_bytes(content)
        return digest

    def enter(self, content: bytes, *, media_type: str, tag: str | None) -> None:
        """Store a manifest or index and list it, under a tag where it has one."""
        entry = Descriptor(media_type=media_type, digest=self.store(content), size=len(content))
        self._entries.append(replace(entry, annotations={REF_NAME: tag}) if tag else entry)

    def finish(self) -> bool:
        """Write what makes a layout of the folder; returns whether it lists anything."""
        (self._folder / INDEX_FILE).write_bytes(render_index(self._entries))
        (self._folder / VERSION_FILE).write_bytes(render_version())
        return bool(self._entries)


@contextmanager
def new_layout(folder: Path) -> Iterator[LayoutWriter]:
    """A layout that appears in `folder` when the context is left without an error, and not at all else.

    One that lists nothing does not appear either. Raises MalformedDocument where `folder` has something in it already,
    or can't be written.
    """
    try:
        _require_vacant(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
            draft = Path(beside, folder.name)
            writer = LayoutWriter(draft)
            yield writer
            if writer.finish():
                os.replace(draft, folder)  # noqa: PTH105 (takes the place of an empty folder, and of no other)
    except OSError as error:
        raise MalformedDocument(f"{folder} can't be written: {printable(str(error.strerror))}") from error


def _require_vacant(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise MalformedDocument(f"{folder} is there already: name a folder that is new or empty")
