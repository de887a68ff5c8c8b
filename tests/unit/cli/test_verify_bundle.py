"""`navicert verify-bundle`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from controller.cli.main import run as run_program
from controller.core.image import Digest
from tests.support.authority import IDENTITY, ISSUER
from tests.support.bundles import make, order, trusted_root
from tests.support.forms import FORMS, MESSAGE_FORMS
from tests.support.foundry import SigningKey, b64, encode, statement
from tests.support.instance import INTEGRATED

BLOB = b"any file at all"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
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
        code = run_program("navicert")
        out, err = capsys.readouterr()
        return code, out, err

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
    ("arguments", "told"),
    [
        (["--bundle", "nonsense", *IDENTIFIED, "artifact"], "nonsense: the bundle"),
        (["--bundle", "keyed.json", "--key", "nonsense", "artifact"], "nonsense: not one PEM block"),
        (
            ["--bundle", "bundle.json", "--trusted-root", "no_start.json", *IDENTIFIED, "artifact"],
            "no_start.json: tlogs[0].publicKey.validFor.start is missing",
        ),
        (["--bundle", "bundle.json", *IDENTIFIED, "absent"], "absent: No such file"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(run: Any, shelf: Path, arguments: list[str], told: str) -> None:
    document = json.loads((shelf / "trusted_root.json").read_text())
    del document["tlogs"][0]["publicKey"]["validFor"]
    (shelf / "no_start.json").write_text(json.dumps(document))
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"navicert: {told}")


def test_a_malformed_bundle_is_told_in_json_where_that_is_asked(run: Any) -> None:
    code, out, err = run("--bundle", "nonsense", *IDENTIFIED, "--output", "json", "artifact")
    assert (code, err) == (2, "")
    answer = json.loads(out)
    assert (answer["verified"], answer["artifact"]) == (False, str(Digest.of(BLOB)))
    assert answer["message"].startswith("nonsense: the bundle")


@pytest.mark.parametrize("digest", ["ab" * 32, "AB" * 32, "SHA256:" + "ab" * 32, "Sha256:" + "AB" * 32])
def test_a_digest_in_another_spelling_is_told_how_to_write_it(run: Any, digest: str) -> None:
    code, out, err = run("--bundle", "bundle.json", *IDENTIFIED, digest)
    assert (code, out) == (2, "")
    assert f"a digest is written sha256:{'ab' * 32}" in err


def test_a_file_may_be_called_like_a_digest(run: Any, shelf: Path) -> None:
    (shelf / ("ab" * 32)).write_bytes(BLOB)
    assert run("--bundle", "bundle.json", *IDENTIFIED, "ab" * 32)[0] == 0


def test_names_that_a_certificate_library_finds_odd_are_nobodys_news(shelf: Path) -> None:
    """In a process of its own, as a user starts it: a country has two letters, and this one three."""
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.warns(UserWarning, match="Attribute's length"):
        name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "USA", _validate=False)])
    day = timedelta(days=1)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1).public_key(key.public_key())
    )
    authority = builder.not_valid_before(INTEGRATED - day).not_valid_after(INTEGRATED + day).sign(key, SHA256())
    document = json.loads((shelf / "trusted_root.json").read_text())
    entry = {**document["certificateAuthorities"][0]}
    entry["certChain"] = {"certificates": [{"rawBytes": b64(authority.public_bytes(Encoding.DER))}]}
    document["certificateAuthorities"].append(entry)
    (shelf / "odd.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "controller.cli.main", "verify-bundle", "--bundle", "bundle.json", *IDENTIFIED]
    asked = [*command, "--trusted-root", "odd.json", "artifact"]
    ran = subprocess.run(asked, cwd=shelf, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


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
    assert "--trusted-root names another" in err


def test_another_instance_is_hinted_at_only_where_none_was_named(run: Any, shelf: Path) -> None:
    document = json.loads((shelf / "trusted_root.json").read_text())
    document["tlogs"][0]["logId"]["keyId"] = b64(b"of another log")
    (shelf / "other.json").write_text(json.dumps(document))
    code, _, err = run("--bundle", "bundle.json", "--trusted-root", "other.json", *IDENTIFIED, "artifact", root=None)
    assert code == 1
    assert "no log of this trust root" in err
    assert "--trusted-root" not in err
    code, _, err = run("--bundle", "bundle.json", *IDENTIFIED, "changed", root=None)
    assert "--trusted-root names another" in err
