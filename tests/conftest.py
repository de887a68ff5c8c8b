"""Tiers, the guard against network use in the pure ones, and the shared control plane and registries.

A skipped test fails the run under ``CI`` or with ``--no-skips``: a tier that could not run is not a tier that passed.

A test of real processes that failed beside others is run once more by itself (``--again``), after those of its module
that come before it, and named whatever becomes of it: how soon the programs of others answer on a busy machine is not
ours. A pure test has no such excuse, nor one marked ``once``, which watches for what must never happen at all; and many
at once are no accident.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.controlplane import ControlPlane
from tests.support.farewell import PatientLoop
from tests.support.foundry import Foundry
from tests.support.keyless import Harvest, harvest
from tests.support.registries import Cosign, Kind, Registry
from tests.support.secondrun import PURE_TIERS, Failed, refusal
from tests.support.standstill import UnhurriedLoop
from tests.support.tools import Helm

settings.register_profile("whole", deadline=None)  # a busy machine is slow, not wrong
settings.register_profile("quick", max_examples=20, deadline=None)  # for make check: a fifth of what make test looks at
settings.load_profile("whole")
HERE = Path(__file__).resolve().parent
MARKED_TIERS = frozenset({"apiserver", "registry"})


def tier(item: pytest.Item) -> str:
    """The first folder below tests."""
    return item.path.relative_to(HERE).parts[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run (always so under CI)")
    parser.addoption(
        "--again", action="store_true", help="the modules of what failed in the last run and may run again"
    )
    parser.addoption("--e2e", action="store_true", help="with the tests on a node where pods run, see make e2e")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == HERE / "e2e" and not config.getoption("--e2e") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if tier(item) in MARKED_TIERS:
            item.add_marker(tier(item))
    if config.getoption("--again"):
        items[:] = second_run(items, last_failed(config))


def last_failed(config: pytest.Config) -> frozenset[str]:
    """The names of the tests that failed in the last run."""
    return frozenset(config.cache.get("cache/lastfailed", {}))


def second_run(items: list[pytest.Item], names: frozenset[str]) -> list[pytest.Item]:
    """Those of these modules; raises UsageError where there is to be no second run."""
    once = {item.nodeid: item.get_closest_marker("once") is not None for item in items}
    if strange := names - once.keys():
        raise pytest.UsageError(f"{min(strange)} failed, and can't be run again")
    failed = [item for item in items if item.nodeid in names]
    why = refusal([Failed(name=one.nodeid, tier=tier(one), once=once[one.nodeid]) for one in failed])
    if why is not None:
        raise pytest.UsageError(why)
    modules = {item.path for item in failed}
    return [item for item in items if item.path in modules]


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    if report.when != "call" or not report.passed or not config.getoption("--again"):
        return None
    if report.nodeid not in last_failed(config):
        return None
    return "passed only when run again", "a", f"PASSED ONLY WHEN RUN AGAIN {report.nodeid}"


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], PatientLoop]]:
    """Has every asynchronous test end after its connections, and outlive a machine that stands still where it has any.

    The pure ones have none, and some of them ask what becomes of deadlines when a callback takes long.
    """
    return {"patient": PatientLoop if tier(item) in PURE_TIERS else UnhurriedLoop}


def skips_fail(config: pytest.Config) -> bool:
    return bool(config.getoption("--no-skips") or os.environ.get("CI"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and skips_fail(item.config):
        report.outcome = "failed"
        report.longrepr = f"skipped, and --no-skips or CI forbids that: {reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and skips_fail(collector.config):
        report.outcome = "failed"
        report.longrepr = f"skipped, and --no-skips or CI forbids that: {reason(report)}"
    return report


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


class NetworkGuard:
    """An audit hook: while active, naming or reaching another socket than a Unix one fails the test."""

    EVENTS = frozenset({"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto"})

    def __init__(self) -> None:
        self.active = False
        sys.addaudithook(self._refuse)

    def _refuse(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active or event not in self.EVENTS:
            return
        # The first argument is the socket, the second the address; a Unix socket's is a path.
        if event == "socket.getaddrinfo" or not isinstance(arguments[1], str | bytes):
            # Not an OSError: code under test turns those into ordinary outcomes.
            pytest.fail(f"{event} in a tier without network: {arguments}")


network = NetworkGuard()


@pytest.fixture(autouse=True)
def _no_network_in_pure_tiers(request: pytest.FixtureRequest) -> Iterator[None]:
    network.active = tier(request.node) in PURE_TIERS
    yield
    network.active = False


@pytest.fixture(scope="module")
def foundry() -> Foundry:
    """Signs anything, with keys of this module alone."""
    return Foundry()


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    """Where signatures are verified while the loop goes on."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="session")
def controlplane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane this worker's tests share: work in a namespace of your own."""
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as shared:
        yield shared


@pytest.fixture
def new_controlplane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], ControlPlane]]:
    """Makes control planes for one test alone; also from several threads at once."""
    with ExitStack() as running:
        yield lambda: running.enter_context(ControlPlane(tmp_path_factory.mktemp("controlplane")))


@pytest.fixture(scope="session")
def referrers_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with the referrers API; push to a repository of your own."""
    with Registry(Kind.REFERRERS, tmp_path_factory.mktemp("registry")) as shared:
        yield shared


@pytest.fixture(scope="session")
def distribution_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without the referrers API; push to a repository of your own."""
    with Registry(Kind.DISTRIBUTION, tmp_path_factory.mktemp("registry")) as shared:
        yield shared


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry from before the referrers API; push to a repository of your own."""
    with Registry(Kind.DOCKER, tmp_path_factory.mktemp("registry")) as shared:
        yield shared


@pytest.fixture(params=Kind, ids=lambda kind: kind.name.lower())
def registry(request: pytest.FixtureRequest) -> Registry:
    """Every real server in turn, the shared ones; push to a repository of your own."""
    shared: Registry = request.getfixturevalue(f"{request.param.name.lower()}_registry")
    return shared


@pytest.fixture(scope="session")
def cosign(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("cosign"))


@pytest.fixture(scope="session")
def cosign2(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    """Version 2, which most of what is signed out there was signed by; sign and attest with `legacy`."""
    return Cosign(tmp_path_factory.mktemp("cosign2"), "cosign2")


@pytest.fixture(scope="session")
def sigstore(tmp_path_factory: pytest.TempPathFactory, referrers_registry: Registry, cosign: Cosign) -> Harvest:
    """What the real cosign signed against a private Sigstore, which ran in turn with other workers' and is gone."""
    return harvest(tmp_path_factory.mktemp("sigstore"), referrers_registry, cosign)


@pytest.fixture
def helm(controlplane: ControlPlane, tmp_path: Path) -> Helm:
    """The real helm with every permission on the shared control plane."""
    return Helm(tmp_path, controlplane.admin_kubeconfig)
