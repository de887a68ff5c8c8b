"""The demo as a user runs it: its own processes, its own ports, this machine only."""

import asyncio
import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pytest

from controller.demo.certificates import issue_server_identity
from controller.demo.folder import DemoFolder
from controller.demo.situations import SITUATIONS
from controller.demo.webhook import DemoFailed, run_webhook
from tests.support.processes import heed_interrupts, wait_until

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
COMMAND = (sys.executable, "-m", "controller.cli.main", "demo")
HEADINGS = ("asked", "answer", "reason", "why")
SECONDS = 300
TRIES = 5  # a test that stands still for all that the demo takes is too late to end it


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "NAVICERT_UNCOVERED": "Deny", "NAVICERT_KUBECONFIG": "/nonexistent"}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(
        command, check=False, env=environment(folder), capture_output=True, text=True, timeout=SECONDS
    )


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 (this process has no threads of its own here)
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def cells(table: str) -> list[tuple[str, ...]]:
    heading, *rows = table.partition("\n\n")[0].splitlines()
    starts = [*(heading.index(name) for name in HEADINGS), None]
    return [tuple(row[start:end].strip() for start, end in pairwise(starts)) for row in rows]


def settled(text: str) -> str:
    """The text without what is another in each run: the ports."""
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)


def test_demo_prints_what_the_readme_shows_and_succeeds(tmp_path: Path) -> None:
    done = run(tmp_path)
    shown = README.partition("<!-- demo:")[2].partition("```\n")[2].partition("```")[0]
    assert (done.returncode, done.stderr) == (0, "")
    assert cells(settled(done.stdout)) == cells(settled(shown))
    assert f"{len(SITUATIONS)} of {len(SITUATIONS)} answers are as they must be." in done.stdout
    assert "demo --keep" in done.stdout
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_json_output_is_one_document_that_says_whether_all_is_as_it_must_be(tmp_path: Path) -> None:
    done = run(tmp_path, "--output", "json")
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["asExpected"] is True
    assert [row["name"] for row in document["rows"]] == [situation.name for situation in SITUATIONS]
    assert all(row["expected"] == {"answer": row["answer"], "reason": row["reason"]} for row in document["rows"])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_webhook_that_verifies_no_signature_is_found_out(tmp_path: Path) -> None:
    sabotage = "from controller.trust.keys import PublicKey\nPublicKey.verify_digest = lambda *_: None\n"
    (tmp_path / "sitecustomize.py").write_text(sabotage)
    command = [*COMMAND, "--output", "json"]
    env = {**environment(tmp_path), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=SECONDS)
    wrong = {row["name"] for row in json.loads(done.stdout)["rows"] if not row["asExpected"]}
    assert done.returncode == 1
    assert {"tampered", "stranger"} <= wrong


def ended_by(number: signal.Signals, folder: Path) -> tuple[int, str]:
    """How the demo ends that gets this signal while it asks, and what it says; one that was done before runs again."""
    code, said = 0, ""
    for _ in range(TRIES):
        with running(folder) as child:
            wait_until(partial(begun, child, folder))
            child.send_signal(number)
            said = "".join(child.communicate(timeout=SECONDS))
        code = child.returncode
        if code != 0:
            break
    return code, said


def begun(child: subprocess.Popen[str], folder: Path) -> bool:
    """Whether it started its webhook, or is done even."""
    return any(folder.glob("*/webhook.log")) or child.poll() is not None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)])
@pytest.mark.case("CLI-008")
def test_being_told_to_end_while_it_asks_ends_it_at_once_without_a_trace_or_a_folder_with_keys(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    ended, said = ended_by(number, tmp_path)
    assert ended == code
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_being_told_to_end_while_it_is_kept_leaves_no_folder_with_keys_behind(tmp_path: Path) -> None:
    with running(tmp_path, "--keep", "--output", "json") as child:
        assert child.stdout is not None
        document, _ = json.JSONDecoder().raw_decode(read_document(child.stdout))
        assert document["url"].startswith("https://127.0.0.1:")
        assert Path(document["authority"]).is_file()
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=SECONDS)
    assert child.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def read_document(stream: IO[str]) -> str:
    """The lines of one JSON document, of which the last is its closing bracket."""
    lines = []
    for line in stream:
        lines.append(line)
        if line.rstrip() == "}":
            break
    return "".join(lines)


@pytest.mark.case("CLI-008")
def test_closed_pipe_ends_without_a_trace(tmp_path: Path) -> None:
    with running(tmp_path) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        err = child.stderr.read()
        assert child.wait(timeout=SECONDS) != 0
    assert err == ""
    assert list(tmp_path.iterdir()) == []


class Kept:
    """A demo that was kept running, and the command it says to ask it with."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        self.child = child
        line = next(line for line in child.stdout if line.strip().startswith("curl "))
        self.curl = shlex.split(line)
        self.url = self.curl[-1]
        self._trust = ssl.create_default_context(cafile=self.curl[self.curl.index("--cacert") + 1])

    def ask(self) -> dict[str, Any]:
        """What the printed command would be answered."""
        review = Path(self.curl[self.curl.index("--data") + 1].removeprefix("@"))
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, data=review.read_bytes(), headers=headers)
        with urllib.request.urlopen(request, context=self._trust, timeout=60) as answer:
            response: dict[str, Any] = json.load(answer)["response"]
        return response

    @property
    def gone(self) -> bool:
        try:
            self.ask()
        except (urllib.error.URLError, ConnectionError, FileNotFoundError):
            return True
        return False


def test_kept_demo_answers_the_printed_command_until_it_is_interrupted(tmp_path: Path) -> None:
    with running(tmp_path, "--keep") as child:
        kept = Kept(child)
        response = kept.ask()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=SECONDS)
    assert response["allowed"] is False
    assert "SourceMismatch" in response["status"]["message"]
    assert (child.returncode, err) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_webhook_does_not_outlive_a_demo_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, "--keep") as child:
        kept = Kept(child)
        assert not kept.gone
        child.kill()
        child.wait()
        wait_until(lambda: kept.gone)


async def test_webhook_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.write_identity(issue_server_identity(datetime.now(UTC)))
    command = (sys.executable, "-c", "raise SystemExit('no such luck')")
    with pytest.raises(DemoFailed, match="did not start\nno such luck"):
        async with asyncio.timeout(SECONDS), run_webhook(command, folder):
            pass


def test_file_that_can_not_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    limited = ["/bin/sh", "-c", 'ulimit -f 1; exec "$@"', "limited", *COMMAND]
    done = subprocess.run(
        limited, check=False, env=environment(tmp_path), capture_output=True, text=True, timeout=SECONDS
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"the demo could not run: .*File too large.*\n", done.stderr)
