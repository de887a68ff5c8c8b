"""Checkpoints in signed notes: one way to write them."""

import base64

import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.note import MAX_SIGNATURES, parse_checkpoint

ROOT = base64.b64encode(b"r" * 32).decode()
LINE = f"— log.example {base64.b64encode(b'hint' + b'signature').decode()}\n"
NOTE = f"log.example - 12\n7\n{ROOT}\n"


def test_a_checkpoint_and_its_signatures_are_read() -> None:
    checkpoint = parse_checkpoint(f"{NOTE}Timestamp: 3\n\n{LINE}{LINE}")
    assert (checkpoint.origin, checkpoint.tree_size, checkpoint.root_hash) == ("log.example - 12", 7, b"r" * 32)
    assert checkpoint.signed == f"{NOTE}Timestamp: 3\n".encode()
    first, second = checkpoint.signatures
    assert first == second
    assert (first.name, first.hint, first.signature) == ("log.example", b"hint", b"signature")


@pytest.mark.case("PARSE-013")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{NOTE}\x00\n\n{LINE}", "control characters"),
        (f"{NOTE}\n{LINE}".replace("\n", "\r\n"), "control characters"),
        (f"{NOTE}\x7f\n\n{LINE}", "control characters"),
        (f"{NOTE}{LINE}", "exactly one blank line"),
        (f"{NOTE}\n\n{LINE}", "exactly one blank line"),
        (f"{NOTE}\n{LINE}\n{LINE}", "exactly one blank line"),
        (f"{NOTE}\n{LINE}\n", "exactly one blank line"),
        (f"{NOTE}\n{LINE[:-1]}", "exactly one blank line"),
        (f"{NOTE}\n", "exactly one blank line"),
        ("", "exactly one blank line"),
        (f"{NOTE}\n{LINE * 10_000}", "longer than"),
        (f"{NOTE}\n{LINE * (MAX_SIGNATURES + 1)}", "signatures"),
        (f"\n{ROOT}\n\n{LINE}", "no origin"),
        (f"log.example\n7\n\n{LINE}", "no origin"),
        (f"\n7\n{ROOT}\n\n{LINE}", "no origin"),
        (f"log.example\n\ud800\n{ROOT}\n\n{LINE}", "number of leaves"),
        (f"log.\ud800\n7\n{ROOT}\n\n{LINE}", "lone surrogates"),
    ],
)
def test_another_shape_of_note_is_refused(text: str, told: str) -> None:
    with pytest.raises(MalformedAttestation, match=told):
        parse_checkpoint(text)


@pytest.mark.case("PARSE-013")
@pytest.mark.parametrize("size", ["-1", "07", "7 ", "0x7", "\uff17", "", "9" * 19, "9" * 5000])
def test_a_size_has_one_spelling(size: str) -> None:
    with pytest.raises(MalformedAttestation):
        parse_checkpoint(f"log.example\n{size}\n{ROOT}\n\n{LINE}")


@pytest.mark.parametrize("root", [ROOT[:-1], ROOT[:-2] + "J=", base64.b64encode(b"r" * 33).decode(), f"{ROOT} ", "é"])
def test_a_root_hash_is_base64_of_32_bytes(root: str) -> None:
    with pytest.raises(MalformedAttestation):
        parse_checkpoint(f"log.example\n7\n{root}\n\n{LINE}")


@pytest.mark.parametrize(
    "line",
    [
        "- log.example aGludHNpZw==\n",
        "— log.example\n",
        "— log example aGludHNpZw==\n",
        "— log.example aGludHNpZw\n",
        "— log.example aGludA==\n",
        "— log+example aGludHNpZw==\n",
        "junk\n",
    ],
)
def test_a_signature_is_a_name_a_hint_and_bytes(line: str) -> None:
    with pytest.raises(MalformedAttestation):
        parse_checkpoint(f"{NOTE}\n{LINE}{line}")
