"""Everything that an object names, read from the spec as it is written: sound parts of a broken object count."""

from collections.abc import Callable, Iterator, Mapping

from controller.wire.policy.shape import join
from controller.wire.policy.unlinked import BuilderReference, CertificateReference, InlineKey, KeyReference, Reference

DEFAULT_TRUST_ROOT = "sigstore"


def references(spec: Mapping[str, object]) -> tuple[Reference, ...]:
    """The signers and builders that are named anywhere in `spec`, each with its field path. Never raises."""
    return tuple(_below(spec, "spec"))


def _below(node: object, path: str) -> Iterator[Reference]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _below(item, join(path, index))
    elif isinstance(node, dict):
        for name, value in node.items():
            read = _READERS.get(str(name), _below)
            yield from read(value, join(path, str(name)))


def _public_key(node: object, path: str) -> Iterator[Reference]:
    if not isinstance(node, dict):
        return
    root, name, pem = node.get("trustRoot"), node.get("name"), node.get("pem")
    if isinstance(root, str) and isinstance(name, str):
        yield KeyReference(trust_root=root, name=name, path=path)
    if isinstance(pem, str):
        yield InlineKey(pem=pem, path=join(path, "pem"))


def _certificate(node: object, path: str) -> Iterator[Reference]:
    if isinstance(node, dict):
        root = node.get("trustRoot") or DEFAULT_TRUST_ROOT
        if isinstance(root, str):
            yield CertificateReference(trust_root=root, path=path)


def _builders(node: object, path: str) -> Iterator[Reference]:
    for index, name in enumerate(node if isinstance(node, list) else ()):
        if isinstance(name, str):
            yield BuilderReference(name=name, path=join(path, index))


_READERS: Mapping[str, Callable[[object, str], Iterator[Reference]]] = {
    "publicKey": _public_key,
    "certificate": _certificate,
    "builders": _builders,
}
