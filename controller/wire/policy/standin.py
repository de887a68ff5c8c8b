"""A trusted root that is given on the command line, in the place of the one that the TrustRoot `sigstore` names."""

from collections.abc import Iterable, Mapping

from controller.core.errors import MalformedDocument
from controller.wire.policy.kinds import API_VERSION
from controller.wire.policy.root import TRUSTED_ROOT_CHARACTERS

DEFAULT_ROOT = "sigstore"

Source = Mapping[str, object]


def stand_in(objects: Iterable[Source], document: str) -> tuple[Source, ...]:
    """These objects, with a TrustRoot `sigstore` that believes what this trusted_root.json says, and nothing else.

    What the one that was there asks evidence to show (`require`) stays asked. The document is not read here. Raises
    MalformedDocument where it is longer than an object may hold.
    """
    if len(document) > TRUSTED_ROOT_CHARACTERS:
        raise MalformedDocument(f"a trusted root has at most {TRUSTED_ROOT_CHARACTERS} characters")
    everything = tuple(objects)
    former = next((one for one in everything if _is_default(one)), {})
    spec = _fields(former.get("spec"))
    kept = {"require": spec["require"]} if "require" in spec and "sigstore" in spec else {}
    root: Source = {
        "apiVersion": API_VERSION,
        "kind": "TrustRoot",
        "metadata": {"name": DEFAULT_ROOT},
        "spec": {**kept, "sigstore": {"trustedRoot": {"inline": document}}},
    }
    return (*(one for one in everything if one is not former), root)


def _is_default(source: Source) -> bool:
    return source.get("kind") == "TrustRoot" and _fields(source.get("metadata")).get("name") == DEFAULT_ROOT


def _fields(value: object) -> Source:
    return value if isinstance(value, Mapping) else {}
