"""The reference of every field: generated, and the same as the page."""

from pathlib import Path

from controller.wire import fieldreference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fields.md"


def test_the_page_has_what_the_models_say() -> None:
    assert PAGE.read_text() == fieldreference.render_reference()


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    fieldreference.main(tmp_path / "fields.md")
    assert (tmp_path / "fields.md").read_text() == fieldreference.render_reference()


def test_a_field_is_told_with_its_type_bounds_and_default() -> None:
    rows = fieldreference.render_reference().splitlines()
    assert "| `spec.require.buildLevel` | integer, 1 to 3 |  | The SLSA Build level, 1 to 3. |" in rows
    assert any(
        row.startswith("| **`spec.mode`** | `Enforce` or `Warn` or `Audit` |  | Enforce refuses") for row in rows
    )
    assert any("`spec.tags` | `Pin` or `Deny` or `Allow` | `Pin` |" in row for row in rows)
    assert any("list of [a signer entry](#a-signer-entry), 1 to 16 entries" in row for row in rows)
