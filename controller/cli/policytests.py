"""Finding policy tests, and carrying one out: the decision of the webhook on evidence from layouts, at a fixed time."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.cli.files import TEST_SUFFIX, read_text
from controller.cli.inforce import in_force, known_from_files
from controller.cli.known import Known
from controller.cli.subjects import Setting
from controller.core.errors import MalformedDocument
from controller.core.evidence import Evidence
from controller.core.image import ImageReference, Repository
from controller.core.verdict import Verdict
from controller.core.workload import Workload
from controller.engine.circumstances import UNHURRIED, Circumstances
from controller.engine.decision import decide
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry.absent import NoRegistry
from controller.registry.client import Registry
from controller.registry.layout import Layout, LayoutRegistry
from controller.wire.admission import API_VERSION, KIND, AdmissionRequest, parse_review
from controller.wire.duration import parse_duration
from controller.wire.policy import parse_documents
from controller.wire.policytest import PolicyTest, PolicyTests, parse_policy_tests
from controller.wire.workload import parse_workload

DEADLINE_SECONDS = 60.0  # of one test


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTestFile:
    """A file of tests. Paths in it are relative to its folder."""

    path: Path
    tests: PolicyTests

    def beside(self, path: str) -> Path:
        """A path as the file means it."""
        return self.path.parent / path


def find_test_files(paths: Iterable[Path]) -> tuple[PolicyTestFile, ...]:
    """The files, and those of the folders and of all folders in them that are not hidden, each once, in order.

    Raises MalformedDocument for a file that can't be read as tests, and where there is none: nothing tested is no
    success.
    """
    found = dict.fromkeys(file for path in paths for file in (_below(path) if path.is_dir() else (path,)))
    if not found:
        raise MalformedDocument(f"there is no test in what was given: no file that ends in {TEST_SUFFIX}")
    return tuple(PolicyTestFile(path=file, tests=parse_policy_tests(read_text(file), str(file))) for file in found)


def _below(folder: Path) -> list[Path]:
    found = (file for file in folder.rglob(f"*{TEST_SUFFIX}") if file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def read_known(file: PolicyTestFile, *, trusted_root: Path | None) -> Known:
    """The policies of the file's tests. `trusted_root` goes before the one that the file names.

    Raises MalformedDocument for policies and a trusted root that can't be read.
    """
    named = file.beside(file.tests.trusted_root) if file.tests.trusted_root else None
    return known_from_files(map(file.beside, file.tests.policies), trusted_root=trusted_root or named)


async def run_test(file: PolicyTestFile, test: PolicyTest, *, known: Known, executor: Executor) -> Verdict:
    """The verdict on what the test asks, by the policies that are `known`. Makes no connection.

    Raises MalformedDocument for a workload or layouts that can't be read, and Unavailable for layouts that may not be.
    """
    workload, tests = _workload(file, test), file.tests
    found = await in_force(known, workload.namespace)
    circumstances = Circumstances(
        now=tests.now,
        deadline=asyncio.get_running_loop().time() + DEADLINE_SECONDS,
        uncovered=tests.uncovered,
        exception_maximum=parse_duration(tests.exception_maximum),
        patience=UNHURRIED,
    )
    return await decide(
        replace(workload, namespace_labels=found.namespace_labels),
        snapshot=found.snapshot,
        gather=_Evidence(file, test, executor).gather,
        circumstances=circumstances,
    )


class _Evidence:
    """The layouts that a test names, by the image reference or the repository that each is for."""

    def __init__(self, file: PolicyTestFile, test: PolicyTest, executor: Executor) -> None:
        self._executor = executor
        layouts = {path: Layout.open(file.beside(path)) for path in test.evidence.values()}
        self._layouts = {_spelling(name): layouts[path] for name, path in test.evidence.items()}

    async def gather(self, request: GatherRequest) -> Evidence:
        """As `engine.gathering.Gather`."""
        return await Gatherer(registry=self._registry(request.reference), executor=self._executor)(request)

    def _registry(self, reference: ImageReference) -> Registry:
        names = (str(reference), _digest_only(reference), str(reference.repository))
        layout = next((self._layouts[name] for name in names if name in self._layouts), None)
        if layout is None:
            return NoRegistry("the test names no evidence for it")
        return LayoutRegistry(layout, reference.repository)


def _digest_only(reference: ImageReference) -> str:
    return str(replace(reference, tag=None) if reference.digest else reference)


def _spelling(name: str) -> str:
    """A repository's or an image's normalised name: without a tag and a digest it is a repository's."""
    last = name.rpartition("/")[2]
    return str(ImageReference.parse(name) if "@" in name or ":" in last else Repository.parse(name))


def _workload(file: PolicyTestFile, test: PolicyTest) -> Workload:
    if test.image is not None:
        setting = Setting(kind=test.kind, namespace=test.namespace, labels=test.labels, namespace_labels=None)
        return setting.workload(ImageReference.parse(test.image))
    source = test.workload
    if isinstance(source, str):
        path = file.beside(source)
        documents = [one for one in parse_documents(read_text(path), str(path)) if one is not None]
        source = documents[0] if len(documents) == 1 and isinstance(documents[0], dict) else None
    if source is None:
        raise MalformedDocument("workload is one Kubernetes object, or a file with one")
    return parse_workload(_request(source, test.namespace))


def _request(source: Mapping[str, Any], namespace: str) -> AdmissionRequest:
    """What the API server would ask when the object is created."""
    group, _, version = str(source.get("apiVersion", "")).rpartition("/")
    kind = {"group": group, "version": version, "kind": str(source.get("kind"))}
    metadata = source.get("metadata")
    own = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    request = {"uid": "test", "kind": kind, "operation": "CREATE", "namespace": own or namespace, "object": source}
    review = {"apiVersion": API_VERSION, "kind": KIND, "request": request}
    return parse_review(json.dumps(review).encode())
