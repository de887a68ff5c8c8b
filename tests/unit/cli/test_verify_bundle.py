"""`navicert verify-bundle`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.cli.main import main
from controller.core.image import Digest
from tests.support.authority import IDENTITY, ISSUER
from tests.support.bundles import make, order, trusted_root
from tests.support.forms import FORMS, MESSAGE_FORMS
from tests.support.foundry import SigningKey, encode, statement
from tests.support.instance import INTEGRATED

BLOB = b"any file at all"
IDENTIFIED = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with an artifact, bundles about it, their trusted root and keys."""
    payload = encode(statement(Digest.of(BLOB), predicate_type="https://acme.example/any", predicate={}))
    certified, keyed = order(FORMS["v0.3 dsse"], payload), order(FORMS["key v0.3 dsse"], payload)
    message = order(MESSAGE_FORMS["v0.3 message"], BLOB)
    files = {
        "artifact": BLOB,
        "changed": BLOB + b"!",
        "bundle.json": make(certified).content,
        "keyed.json": make(keyed).content,
        "message.json": make(message).content,
        "trusted_root.json": json.dumps(trusted_root(certified)).encode(),
        "key.pem": keyed.key.pem,
        "other.pem": SigningKey().pem.encode(),
        "private.pem": SigningKey().private_pem.encode(),
        "nonsense": b"{}",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def run(shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command among those files; gives exit code, output and what is told on the side."""

    def ran(*arguments: str, root: str | None = "trusted_root.json") -> tuple[int, str, str]:
        trusted = ["--trusted-root", root] if root else []
        monkeypatch.chdir(shelf)
        monkeypatch.setattr(sys, "argv", ["navicert", "verify-bundle", *trusted, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return ran


@pytest.mark.parametrize("artifact", ["artifact", str(Digest.of(BLOB))])
@pytest.mark.parametrize("bundle", ["bundle.json", "message.json"])
def test_what_is_verified_is_told_in_one_line(run: Any, bundle: str, artifact: str) -> None:
    code, out, err = run("--bundle", bundle, *IDENTIFIED, artifact)
    assert (code, err) == (0, "")
    (line,) = out.splitlines()
    assert line.startswith(f"verified: {Digest.of(BLOB)} is signed by {IDENTITY} ({ISSUER}) at 2026-02-20T10:02:01")


def test_a_key_is_told_by_its_fingerprint(run: Any) -> None:
    code, out, _ = run("--bundle", "keyed.json", "--key", "key.pem", "artifact")
    assert code == 0
    assert "is signed by key sha256:" in out


def test_json_says_everything(run: Any) -> None:
    code, out, _ = run("--bundle", "bundle.json", *IDENTIFIED, "--output", "json", "artifact")
    assert code == 0
    assert json.loads(out) == {
        "verified": True,
        "artifact": str(Digest.of(BLOB)),
        "signer": {"issuer": ISSUER, "subject": IDENTITY, "subjectType": "URI"},
        "times": [INTEGRATED.isoformat()],
        "predicateType": "https://acme.example/any",
    }


@pytest.mark.case("CLI-013")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--bundle", "bundle.json", "--certificate-identity", "https://x", *IDENTIFIED[2:], "artifact"],
            "the identity is",
        ),
        (
            ["--bundle", "bundle.json", *IDENTIFIED[:2], "--certificate-oidc-issuer", "https://x", "artifact"],
            "the issuer is",
        ),
        (["--bundle", "keyed.json", "--key", "other.pem", "artifact"], "not by this key"),
        (["--bundle", "bundle.json", *IDENTIFIED, "changed"], "another artifact"),
        (["--bundle", "message.json", *IDENTIFIED, "changed"], "another artifact"),
        (["--bundle", "keyed.json", "--key", "key.pem", "sha256:" + "0" * 64], "another artifact"),
    ],
    ids=["identity", "issuer", "key", "changed", "changed message", "digest"],
)
def test_a_refusal_is_one_line_that_says_which(run: Any, arguments: list[str], told: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("not verified: ")
    assert told in line
    code, out, err = run("--output", "json", *arguments)
    assert (code, err) == (1, "")
    assert json.loads(out)["verified"] is False
    assert told in json.loads(out)["message"]


@pytest.mark.case("CLI-014")
@pytest.mark.parametrize(
    "by",
    [
        [],
        [*IDENTIFIED, "--key", "key.pem"],
        IDENTIFIED[:2],
        IDENTIFIED[2:],
        [*IDENTIFIED[:2], "--key", "key.pem"],
        ["--certificate-identity", "", *IDENTIFIED[2:]],
        [*IDENTIFIED[:2], "--certificate-oidc-issuer", ""],
    ],
    ids=["neither", "both", "no issuer", "no identity", "identity and key", "empty identity", "empty issuer"],
)
def test_anything_but_one_way_to_say_who_is_a_mistake(run: Any, by: list[str]) -> None:
    code, _, err = run("--bundle", "bundle.json", *by, "artifact")
    assert code == 2
    assert "either --key, or both" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bundle", "nonsense", *IDENTIFIED, "artifact"],
        ["--bundle", "absent", *IDENTIFIED, "artifact"],
        ["--bundle", "bundle.json", *IDENTIFIED, "absent"],
        ["--bundle", "bundle.json", *IDENTIFIED, "sha256:0"],
        ["--bundle", "bundle.json", *IDENTIFIED],
        [*IDENTIFIED, "artifact"],
        ["--bundle", "keyed.json", "--key", "nonsense", "artifact"],
        ["--bundle", "bundle.json", "--trusted-root", "nonsense", *IDENTIFIED, "artifact"],
    ],
)
def test_what_can_not_be_read_is_a_mistake(run: Any, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


@pytest.mark.case("KEY-009")
def test_a_private_key_is_told_by_no_letter_of_it(run: Any, shelf: Path) -> None:
    code, _, err = run("--bundle", "keyed.json", "--key", "private.pem", "artifact")
    assert code == 2
    assert "private key" in err
    assert not any(line in err for line in (shelf / "private.pem").read_text().splitlines())


def test_without_a_trusted_root_the_public_good_instance_is_believed(run: Any) -> None:
    code, _, err = run("--bundle", "bundle.json", *IDENTIFIED, "artifact", root=None)
    assert code == 1
    assert "no log of this trust root" in err
