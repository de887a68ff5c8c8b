"""Reading what the user names on the command line: policies, and the setting `registries`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from controller.core.errors import MalformedDocument, MalformedPolicy
from controller.core.text import printable
from controller.wire.policy import identify, parse_documents, parse_objects
from controller.wire.registries import Registries, parse_registries

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
TEST_SUFFIX = ".navicert-test.yaml"  # of policy tests, which may stand beside the policies
NAMESPACE_VERSION = "v1"  # Namespaces, the only other kind that files may hold


def read_policies(path: Path) -> tuple[Mapping[str, object], ...]:
    """The objects of a file, or of every file of a folder in order of name; folders inside it are not entered.

    Raises MalformedDocument for a file that can't be read or holds anything else, and for a folder without any: nobody
    means to guard a cluster with nothing.
    """
    return tuple(item for file in policy_files(path) for item in _objects(file))


def policy_files(path: Path) -> list[Path]:
    """The file itself, or every file of a folder that may hold policies, in order of name.

    Raises MalformedDocument for a folder without any.
    """
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise MalformedDocument(f"{path} holds no file that ends in {', '.join(sorted(SUFFIXES))}")
    return files


def read_text(file: Path) -> str:
    """The text of a file. Raises MalformedDocument when it can't be read or is no UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise MalformedDocument(f"{file}: {printable(str(error))}") from error


def read_registries(path: Path) -> Registries:
    """The registries of a file whose only key is `registries`, no key standing twice; raises MalformedDocument."""
    documents = parse_documents(read_text(path), str(path))
    match documents:
        case [{"registries": entries, **others}] if not others:
            pass
        case _:
            raise MalformedDocument(f"{path}: expected one key, registries")
    try:
        return parse_registries(entries)
    except MalformedDocument as error:
        raise MalformedDocument(f"{path}: {error}") from error


def _files(folder: Path) -> list[Path]:
    """A mounted ConfigMap keeps its versions in hidden folders; what is hidden is not meant."""
    found = (file for file in folder.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    return sorted(file for file in found if file.is_file() and not file.name.endswith(TEST_SUFFIX))


def _objects(file: Path) -> Iterator[Mapping[str, object]]:
    """The objects of one file, each of a kind that is known: one that nobody loads would guard nothing in silence."""
    for number, item in enumerate(parse_objects(read_text(file), str(file)), start=1):
        try:
            if item.get("apiVersion") != NAMESPACE_VERSION:
                identify(item)
        except MalformedPolicy as error:
            raise MalformedDocument(f"{file} (object {number}): {error}") from error
        yield item
