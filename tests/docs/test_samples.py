"""The samples are the cookbook's policies, and nothing else."""

from __future__ import annotations

from pathlib import Path

from controller.wire.policy import KINDS, parse_objects
from tests.tools.samples import main, samples

FOLDER = Path(__file__).resolve().parents[2] / "manifests/samples"


def test_the_folder_has_what_the_cookbook_says() -> None:
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == samples()


def test_every_sample_holds_objects_of_ours() -> None:
    assert [one["kind"] for name, text in samples().items() for one in parse_objects(text, name)] != []
    assert {one["kind"] for name, text in samples().items() for one in parse_objects(text, name)} <= set(KINDS)


def test_what_no_recipe_has_is_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").write_text("kind: Gone")
    main(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(samples())
