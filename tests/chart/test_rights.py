"""Every right of the chart's roles is one that something needs, and none is lacking: by the API server's audit log.

The real programs live through everything they know to do, under the chart's own accounts and roles. A right that
nothing was allowed by fails, and so does whatever was forbidden: that is what taking a needed right away comes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chart.life import Life, install_kinds, people, try_gate
from tests.chart.living import live
from tests.chart.valuesets import VALUES, rendered
from tests.support.controlplane import ControlPlane
from tests.support.rights import AUDIT_POLICY, forbidden, granted
from tests.support.tufrepository import TufRepository

LIVED = (
    "as it comes",
    "certificates by cert-manager, no reports",
    "images read by their pods' own Secrets",
    "bare",
)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[str], Life]]:
    """Starts a cluster with the roles of a release with these values."""
    with ExitStack() as ending:

        def started(name: str) -> Life:
            (tmp_path / "audit.yaml").write_text(AUDIT_POLICY)
            flags = {"audit_policy_file": tmp_path / "audit.yaml", "audit_log_path": tmp_path / "audit.log"}
            return Life(
                plane=ending.enter_context(ControlPlane(tmp_path / "plane", **flags)),
                folder=tmp_path,
                documents=rendered(name, tmp_path),
                repository=ending.enter_context(TufRepository(tmp_path / "tuf", b"{}")),
            )

        yield started


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.case("OPS-008")
@pytest.mark.parametrize("name", LIVED)
def test_every_right_is_used_and_none_is_lacking(name: str, begin: Callable[[str], Life]) -> None:
    life = begin(name)
    given = granted(life.documents)
    assert len(given) == len(set(given))
    install_kinds(life)
    people(life)
    try_gate(life)
    live(life)
    assert forbidden(life.log) == set()
    assert [str(one) for one in life.unused] == []


@pytest.mark.case("OPS-008")
@pytest.mark.parametrize("name", VALUES)
def test_every_set_of_values_has_the_rights_of_one_that_was_lived_through(name: str, tmp_path: Path) -> None:
    proven = [set(granted(rendered(one, tmp_path))) for one in LIVED]
    assert set(granted(rendered(name, tmp_path))) in proven
