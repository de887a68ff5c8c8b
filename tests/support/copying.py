"""The real skopeo and the real oras, which copy images between registries and layouts."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.registries import Pushed
from tests.support.tools import binary, output, packaged
from tests.tools import packages

INSECURE = "--src-tls-verify=false"


class Skopeo:
    """skopeo, which knows nothing of what is attached to an image: each tag and each digest is copied by itself."""

    def __init__(self, home: Path) -> None:
        self._program = packaged("skopeo", "skopeo")
        self._env = {"HOME": str(home), "PATH": os.defpath, "LD_LIBRARY_PATH": packages.library_path("skopeo")}

    def copy(self, image: Pushed, layout: Path, name: str) -> None:
        """Copies this digest, with everything that an index lists, into the layout under a name; no byte changes."""
        self._copy(image.reference, layout, name, "--all", "--preserve-digests")

    def copy_tag(self, image: Pushed, layout: Path, tag: str) -> None:
        """Copies a tag of the image's repository, with everything that an index lists, under the same tag.

        An index without a media type it writes anew, with one; what the index lists stays what it is.
        """
        self._copy(f"{image.host}/{image.repository}:{tag}", layout, tag, "--all")

    def copy_anew(self, image: Pushed, layout: Path, name: str) -> None:
        """Copies this digest as skopeo does by itself: layers that are not compressed are."""
        self._copy(image.reference, layout, name)

    def raw(self, layout: Path, name: str) -> bytes:
        """The manifest that the layout has under this name, as it is stored."""
        return self.run("inspect", "--raw", f"oci:{layout}:{name}").encode()

    def run(self, *arguments: str) -> str:
        """Returns standard output. Raises CalledProcessError, whose notes hold what skopeo said."""
        return output([self._program, "--insecure-policy", *arguments], env=self._env)

    def _copy(self, reference: str, layout: Path, name: str, *options: str) -> None:
        self.run("copy", "--quiet", INSECURE, *options, f"docker://{reference}", f"oci:{layout}:{name}")


class Oras:
    """oras, which copies what refers to an image where it is told to."""

    def __init__(self, home: Path) -> None:
        self._program = binary("oras")
        self._env = {"HOME": str(home), "PATH": os.defpath}

    def copy(self, image: Pushed, layout: Path, name: str, *options: str) -> None:
        """Copies this digest into the layout under a name; `--recursive` brings its referrers along."""
        self._copy(image.reference, layout, name, *options)

    def copy_tag(self, image: Pushed, layout: Path, tag: str) -> None:
        """Copies a tag of the image's repository under the same tag."""
        self._copy(f"{image.host}/{image.repository}:{tag}", layout, tag)

    def run(self, *arguments: str) -> str:
        """Returns standard output. Raises CalledProcessError, whose notes hold what oras said."""
        return output([self._program, *arguments], env=self._env)

    def _copy(self, reference: str, layout: Path, name: str, *options: str) -> None:
        self.run("copy", "--from-plain-http", *options, reference, "--to-oci-layout", f"{layout}:{name}")
