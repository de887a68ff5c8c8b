"""Real registry servers with and without the referrers API, images to put there, and the real cosign to sign them."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Self

from tests.support.ociimage import Image
from tests.support.pki import Identity
from tests.support.processes import Process
from tests.support.tools import binary, output, packaged

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
# Distribution answers 404 for a manifest whose media type is not asked for by name.
ACCEPT = f"{MANIFEST_TYPE}, {INDEX_TYPE}, */*"
PLATFORMS = ("amd64", "arm64")
REQUEST_SECONDS = 30.0
# Every server binds port 0 and says which port it got: our own on its first line, the others in their log.
BOUND = re.compile(r"(?:^|listening on )(\d+\.\d+\.\d+\.\d+:\d+)", re.MULTILINE)


class Kind(Enum):
    """Which server; the value is its program. Docker's is distribution before its third version and before OCI 1.1."""

    REFERRERS = "registry"
    DISTRIBUTION = "distribution"
    DOCKER = "docker-registry"


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer of a registry; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A manifest or index in a registry."""

    repository: str
    digest: str
    media_type: str
    size: int
    host: str

    @property
    def reference(self) -> str:
        """The image reference by digest."""
        return f"{self.host}/{self.repository}@{self.digest}"

    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


class Registry:
    """A registry server on 127.0.0.1, plain HTTP unless it is given an identity. What it holds ends with it.

    `auth` is that part of distribution's configuration; `authorization` then is what pushing the fixtures shows. Only
    the one with referrers can `listen` elsewhere.
    """

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        identity: Identity | None = None,
        *,
        auth: Mapping[str, Any] | None = None,
        authorization: str | None = None,
        listen: str = "127.0.0.1:0",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        program = packaged(kind.value, kind.value) if kind is Kind.DOCKER else binary(kind.value)
        tls = identity.write(folder, "registry") if identity else None
        self._headers = {"Accept": ACCEPT} | ({"Authorization": authorization} if authorization else {})
        arguments = _arguments(kind, folder, tls, auth, listen)
        self._process = Process([program, *arguments], log=folder / "registry.log")
        self._process.wait_ready(lambda: BOUND.search(self._process.output()) is not None)
        bound = BOUND.search(self._process.output())
        assert bound is not None
        self.host = bound[1]
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        # Whoever uses the registry judges its certificate; pushing the fixtures need not.
        self._tls = ssl._create_unverified_context() if tls else None

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        """Sends one request and returns the answer, whatever its status; content_type="…" sets that header."""
        names = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if "://" in path else f"{self.url}{path}"
        request = urllib.request.Request(url, data=body, method=method, headers=names)
        try:
            answer = urllib.request.urlopen(request, timeout=REQUEST_SECONDS, context=self._tls)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            lowered = {name.lower(): value for name, value in answer.headers.items()}
            return Response(status=answer.status, headers=lowered, body=answer.read())

    def push_blob(self, repository: str, content: bytes, media_type: str) -> dict[str, Any]:
        """Uploads a blob in one piece (distribution specification, POST then PUT) and returns its descriptor."""
        digest = sha256(content)
        started = self._expect(202, "POST", f"/v2/{repository}/blobs/uploads/", b"")
        location = started.headers["location"]
        separator = "&" if "?" in location else "?"
        self._expect(
            201, "PUT", f"{location}{separator}digest={digest}", content, content_type="application/octet-stream"
        )
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def push_manifest(self, repository: str, document: Mapping[str, Any], tag: str | None = None) -> Pushed:
        """Puts a manifest or index, by its digest or under a tag."""
        content = json.dumps(document).encode()
        digest, media_type = sha256(content), str(document["mediaType"])
        path = f"/v2/{repository}/manifests/{tag or digest}"
        self._expect(201, "PUT", path, content, content_type=media_type)
        return Pushed(repository=repository, digest=digest, media_type=media_type, size=len(content), host=self.host)

    def push_image(
        self, repository: str, tag: str | None = None, *, content: bytes = b"layer", architecture: str = "amd64"
    ) -> Pushed:
        """Pushes an image of one small layer; other content makes another digest."""
        layer = self.push_blob(repository, content, LAYER_TYPE)
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.push_blob(repository, json.dumps(config).encode(), CONFIG_TYPE),
            "layers": [layer],
        }
        return self.push_manifest(repository, manifest, tag)

    def push_index(
        self, repository: str, tag: str | None = None, *, architectures: Sequence[str] = PLATFORMS
    ) -> tuple[Pushed, list[Pushed]]:
        """Pushes an image for each architecture and an index of them; returns the index and the images."""
        images = [self.push_image(repository, architecture=name) for name in architectures]
        entries = [
            image.descriptor() | {"platform": {"os": "linux", "architecture": name}}
            for image, name in zip(images, architectures, strict=True)
        ]
        document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
        return self.push_manifest(repository, document, tag), images

    def push(self, repository: str, image: Image, tag: str | None = None) -> Pushed:
        """Pushes an image that can run."""
        manifest = json.loads(image.manifest)
        for descriptor in (manifest["config"], *manifest["layers"]):
            self.push_blob(repository, image.blobs[descriptor["digest"]], descriptor["mediaType"])
        return self.push_manifest(repository, manifest, tag)

    def tag(self, image: Pushed, tag: str) -> None:
        """Has the tag point to what is there, away from what it pointed to."""
        path = f"/v2/{image.repository}/manifests/"
        manifest = self._expect(200, "GET", path + image.digest)
        self._expect(201, "PUT", path + tag, manifest.body, content_type=image.media_type)

    def tags(self, repository: str) -> list[str]:
        listed: list[str] = self._expect(200, "GET", f"/v2/{repository}/tags/list").json()["tags"]
        return sorted(listed)

    def stop(self) -> None:
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _expect(self, status: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        answer = self.request(method, path, body, **headers)
        if answer.status != status:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer


class Cosign:
    """The real cosign, offline: one key pair, no transparency log. Its home is the folder given."""

    def __init__(self, folder: Path, program: str = "cosign") -> None:
        """`program` is the name of the tool: cosign, or cosign2 for the version before."""
        folder.mkdir(parents=True, exist_ok=True)
        self._program = binary(program)
        self._folder = folder
        self.public_key = folder / "cosign.pub"
        self._env = {
            "HOME": str(folder),
            "PATH": os.defpath,
            "COSIGN_PASSWORD": "test",
            "DOCKER_CONFIG": str(folder / "docker"),
            "TUF_ROOT": str(folder / "tuf"),
        }
        self.run("generate-key-pair")

    def into(self, repository: str) -> Self:
        """The same key; what it signs goes to this repository, `host/path`, and not to the image's own."""
        other = copy.copy(self)
        other._env = {**self._env, "COSIGN_REPOSITORY": repository}
        return other

    def sign(self, image: Pushed, *options: str | Path, legacy: bool = False) -> None:
        """Signs the digest: as a bundle that refers to it, or the legacy way, under the tag sha256-<hex>.sig."""
        self.run("sign", *self._signing(legacy=legacy), *options, image.reference)

    def attest(
        self,
        image: Pushed,
        predicate: Mapping[str, Any],
        *options: str | Path,
        legacy: bool = False,
        predicate_type: str = "slsaprovenance1",
    ) -> None:
        """Signs a statement about the digest: as a bundle that refers to it, or under the tag sha256-<hex>.att."""
        path = self._folder / "predicate.json"
        path.write_text(json.dumps(predicate))
        about = ("--type", predicate_type, "--predicate", path)
        self.run("attest", *about, *self._signing(legacy=legacy), *options, image.reference)

    def run(self, *arguments: str | Path) -> str:
        """Returns standard output. Raises CalledProcessError, whose notes hold what cosign said."""
        return output([self._program, *arguments], env=self._env, cwd=self._folder)

    @staticmethod
    def _signing(*, legacy: bool) -> list[str]:
        offline = ["--key", "cosign.key", "--yes", "--tlog-upload=false", "--use-signing-config=false"]
        return [*offline, "--new-bundle-format=false"] if legacy else offline


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _arguments(
    kind: Kind, folder: Path, tls: tuple[Path, Path] | None, auth: Mapping[str, Any] | None, listen: str
) -> list[str | Path]:
    if kind is Kind.REFERRERS:
        identified: list[str | Path] = ["--tls-cert", tls[0], "--tls-key", tls[1]] if tls else []
        return ["--listen", listen, *identified]
    http: dict[str, Any] = {"addr": listen}
    if tls:
        http["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    settings = {"version": 0.1, "log": {"level": "info"}, "storage": {"inmemory": {}}, "http": http}
    settings |= {"auth": dict(auth)} if auth else {}
    path = folder / "registry.json"
    path.write_text(json.dumps(settings))
    return ["serve", path]
