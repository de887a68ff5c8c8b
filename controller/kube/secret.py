"""Secrets as bytes: parsed from and rendered to what the API server sends and takes."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from controller.kube.documents import Object
from controller.kube.owner import Owner, owned

TLS_TYPE = "kubernetes.io/tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """The contents of a Secret as of a version, which is empty for one that is not there."""

    version: str = ""
    contents: Mapping[str, bytes]


def parse_secret(document: Object | None) -> Secret:
    """Read a Secret. What is not base64 is left out, as if it were not there: it will be written anew."""
    if document is None:
        return Secret(contents={})
    metadata, fields = document.get("metadata"), document.get("data")
    version = metadata.get("resourceVersion") if isinstance(metadata, Mapping) else None
    encoded = fields if isinstance(fields, Mapping) else {}
    decoded = {name: _decoded(text) for name, text in encoded.items()}
    return Secret(
        version=version if isinstance(version, str) else "",
        contents={name: content for name, content in decoded.items() if content is not None},
    )


def render_tls_secret(namespace: str, name: str, secret: Secret, owner: Owner | None = None) -> Object:
    """A Secret of type kubernetes.io/tls with these contents, to be written after its version only; it goes with the
    owner."""
    version = {"resourceVersion": secret.version} if secret.version else {}
    metadata = owned({"name": name, "namespace": namespace, **version}, owner)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TLS_TYPE,
        "metadata": metadata,
        "data": {key: base64.b64encode(content).decode() for key, content in secret.contents.items()},
    }


def _decoded(text: object) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None
