"""What the README shows is what the programs say."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.cli.main import navicert
from controller.demo.samples import SampleKeys
from controller.demo.situations import SITUATIONS
from controller.engine.policies import PolicyStore
from controller.wire.admission import parse_review
from controller.wire.policy import KINDS, parse_objects
from controller.wire.workload import parse_workload

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
HELP_WIDTH = 98  # of a terminal of 100: click keeps two free
LINK = re.compile(r"\]\((?!https?://)(?P<target>[^)#]*)(?:#(?P<anchor>[^)]+))?\)")


def block(name: str) -> str:
    """The fenced block that follows the comment of this name."""
    found = re.search(rf"<!-- {name}: .*? -->\n```\w*\n(?P<text>.*?)```", README, re.DOTALL)
    assert found is not None
    return found["text"]


def test_help_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(navicert, ["--help"], prog_name="navicert", terminal_width=HELP_WIDTH).output
    assert f"```\n{printed}```" in README


def test_demo_shows_every_situation_with_the_answer_that_must_be_given() -> None:
    heading, *rows = block("demo").partition("\n\n")[0].splitlines()
    starts = [heading.index(name) for name in ("asked", "answer", "reason", "why")]
    shown = [tuple(row[start:end].strip() for start, end in pairwise(starts)) for row in rows]
    assert shown == [(one.asked, one.ruling.value, one.reason.name) for one in SITUATIONS]


def test_first_policy_compiles_once_the_key_is_filled_in() -> None:
    body = "\n".join(SampleKeys.generate().platform.public_pem.splitlines()[1:-1]).replace("\n", "\n      ")
    objects = parse_objects(block("policy").replace("      ...\n", f"      {body}\n"), "README.md")
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [one for one in objects if one["kind"] == kind])
    snapshot = store.current()
    assert snapshot is not None
    assert not snapshot.problems
    assert [policy.name.name for policy in snapshot.policies.policies] == ["production"]


def test_first_review_is_one_of_an_image_that_the_first_policy_matches() -> None:
    text = block("review").partition("<<'END'\n")[2].partition("END\n")[0]
    workload = parse_workload(parse_review(text.replace("sha256:...", f"sha256:{'0' * 64}").encode()))
    (image,) = workload.images
    assert workload.namespace == "shop"
    assert str(image.reference).startswith("registry.example/acme/shop@")


def test_predicate_of_the_first_attestation_is_json() -> None:
    text = README.partition("cat > predicate.json <<'END'\n")[2].partition("END\n")[0]
    assert json.loads(text)["runDetails"]["builder"]["id"] in block("policy")


def test_it_stays_one_page() -> None:
    assert len(README.splitlines()) <= 250


def pages() -> list[Path]:
    others = [ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md", "charts/navicert/README.md")]
    return [*others, ROOT / "charts/navicert/catalogue/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """Of the headings, as forges make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for found in LINK.finditer(page.read_text()):
        target = page if not found["target"] else page.parent / found["target"]
        assert target.exists(), found[0]
        assert not found["anchor"] or found["anchor"] in anchors(target), found[0]


def test_every_page_is_found_from_the_first() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            links = LINK.finditer(page.read_text())
            waiting += [(page.parent / found["target"]).resolve() for found in links if found["target"]]
    assert {page for page in pages() if page not in reached} == set()
