"""An OCI image from folders, without a container engine: the same folders make the same digest, everywhere."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
# OCI names architectures as Go does.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image in memory: its manifest, and every other blob by digest."""

    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        return _digest(self.manifest)

    @property
    def size(self) -> int:
        """Bytes of config and layers, which are not compressed."""
        return sum(map(len, self.blobs.values()))

    def archive(self, name: str, path: Path) -> Path:
        """Writes an OCI layout as a tar file, which `ctr images import` takes under this name."""
        entry = {
            "mediaType": MANIFEST_TYPE,
            "digest": self.digest,
            "size": len(self.manifest),
            "annotations": {"io.containerd.image.name": name},
        }
        files = {
            "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
            "index.json": _json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}),
            **{f"blobs/sha256/{digest.partition(':')[2]}": blob for digest, blob in self.blobs.items()},
            f"blobs/sha256/{self.digest.partition(':')[2]}": self.manifest,
        }
        with tarfile.open(path, "w") as archive:
            for file, content in files.items():
                member = tarfile.TarInfo(file)
                member.size = len(content)
                archive.addfile(member, BytesIO(content))
        return path


def build_image(
    layers: Sequence[Path],
    *,
    architecture: str,
    entrypoint: Sequence[str],
    user: str,
    env: Sequence[str] = (),
    workdir: str = "/",
) -> Image:
    """One layer for each folder, each below the one before. Owners and times of files are left out."""
    contents = [_layer(folder) for folder in layers]
    config = _json(
        {
            "architecture": ARCHITECTURES[architecture],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [_digest(content) for content in contents]},
            "config": {"Env": [*env], "User": user, "WorkingDir": workdir, "Entrypoint": [*entrypoint]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, config),
        "layers": [_descriptor(LAYER_TYPE, content) for content in contents],
    }
    return Image(manifest=_json(manifest), blobs={_digest(blob): blob for blob in (config, *contents)})


def _layer(folder: Path) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_anonymous)
    return buffer.getvalue()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
