"""`navicert serve` as a process: what it refuses to start with, its two ports, its TLS, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import objects
from tests.support.pki import Authority
from tests.support.processes import wait_until
from tests.support.reviews import container, encoded, pod, review
from tests.support.webhook import Webhook

PATIENT_SECONDS = 30  # the most that an API server waits: what is answered at once is, however busy the machine
REVIEW_SECONDS = 4  # nine tenths of it are the deadline, which ends before a single read may
REVIEWS = 5  # a machine that stands still for one of them does not for all
DRAIN_SECONDS = 20
IMAGE = f"127.0.0.1:9/acme/shop@sha256:{'a' * 64}"


def write_policies(folder: Path, *documents: Any) -> Path:
    folder.mkdir()
    for number, document in enumerate(documents):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(document))
    return folder


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    folder = tmp_path_factory.mktemp("serve")
    guarded = objects.policy(match={"images": ["127.0.0.1:9/acme/*"]})
    labelled = objects.policy(
        "labelled", match={"namespaces": {"selector": {"matchLabels": {"tier": "a"}}}}, tags="Deny"
    )
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"tier": "b"}}}
    policies = write_policies(folder / "policies", guarded, labelled, namespace)
    with Webhook(folder / "webhook", "--policies", policies) as running:
        yield running


class NotAnswered(Exception):
    """No verdict: the API server goes by the failurePolicy, and refuses."""


def answer(webhook: Webhook, *images: str, seconds: int = PATIENT_SECONDS, **request: Any) -> Any:
    document = review(pod(*(container(image, f"c{number}") for number, image in enumerate(images))), **request)
    status, body = webhook.ask("POST", f"/validate?timeout={seconds}s", encoded(document))
    if status != 200:
        raise NotAnswered(status, body)
    return json.loads(body)["response"]


def test_policies_from_files_are_ready_at_once_and_refuse(webhook: Webhook) -> None:
    assert webhook.ask_status("/readyz")[0] == 200
    refused = answer(webhook, IMAGE)
    assert (refused["allowed"], refused["status"]["code"]) == (False, 503)
    assert "RegistryDenied" in refused["status"]["message"]
    assert answer(webhook, "docker.io/library/nginx")["allowed"] is True


def test_namespaces_of_the_files_are_known_and_others_are_ignorance(webhook: Webhook) -> None:
    refused = answer(webhook, "docker.io/library/nginx", namespace="another")
    assert "PoliciesNotSynced" in refused["status"]["message"]


@pytest.mark.case("SVC-012")
def test_each_port_answers_its_own_paths_only(webhook: Webhook) -> None:
    for path in ("/metrics", "/readyz", "/livez"):
        assert webhook.ask("GET", path)[0] == 404
        assert webhook.ask_status(path)[0] == 200
    assert webhook.ask_status("/validate", "POST")[0] == 404


@pytest.mark.case("PARSE-010")
@pytest.mark.case("SVC-009")
def test_what_is_no_review_is_answered_in_plain_words(webhook: Webhook) -> None:
    assert webhook.ask("POST", "/validate", b"{}")[0] == 400
    assert webhook.ask("POST", "/validate", b" " * (8 * 1024 * 1024 + 1))[0] == 413
    assert webhook.ask("GET", "/validate")[0] == 405


def test_the_status_port_is_in_the_clear_and_the_admission_port_is_not(webhook: Webhook) -> None:
    host, port = webhook.admission.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"GET /validate HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionResetError):
            assert not connection.recv(4096).startswith(b"HTTP/1.1 2")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_before_1_2_is_refused(webhook: Webhook) -> None:
    host, port = webhook.admission.split(":")
    context = ssl.create_default_context(cadata=webhook.ca.decode())
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((host, int(port)), timeout=60) as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection, server_hostname=host)


@contextmanager
def stalled_review(folder: Path, *arguments: str) -> Iterator[tuple[Webhook, Callable[[], Any]]]:
    """A webhook that is judging an image of a registry that never answers, and what will become of the review."""
    with socket.create_server(("127.0.0.1", 0)) as stalling:
        host = f"127.0.0.1:{stalling.getsockname()[1]}"
        policies = write_policies(folder / "policies", objects.policy(match={"images": [f"{host}/**"]}))
        registries = folder / "registries.yaml"
        registries.write_text(json.dumps({"registries": [{"host": host, "plainHTTP": True}]}))
        image = f"{host}/acme/shop@sha256:{'a' * 64}"
        with (
            Webhook(folder / "webhook", "--policies", policies, "--registries", registries, *arguments) as webhook,
            ThreadPoolExecutor(1) as pool,
        ):
            asking = pool.submit(answer, webhook, image, seconds=REVIEW_SECONDS)
            connection, _ = stalling.accept()  # the review waits for this registry now
            with connection:
                yield webhook, asking.result


@pytest.mark.case("SVC-008")
def test_a_registry_that_stalls_is_told_before_the_review_ends(tmp_path: Path) -> None:
    with stalled_review(tmp_path) as (webhook, judged):
        responses = [judged()]
        while seconds_of(webhook, len(responses)) >= REVIEW_SECONDS and len(responses) < REVIEWS:
            asked = webhook.reviews()[-1]["images"][0]["image"].partition("@")[0]
            another = f"{asked}@sha256:{len(responses):064d}"
            responses.append(answer(webhook, another, seconds=REVIEW_SECONDS))
        assert {(one["allowed"], one["status"]["code"]) for one in responses} == {(False, 503)}
        assert all("DeadlineExceeded" in one["status"]["message"] for one in responses)
        assert 0.75 * REVIEW_SECONDS < seconds_of(webhook, len(responses)) < REVIEW_SECONDS


def seconds_of(webhook: Webhook, number: int) -> float:
    """How long the last of so many reviews took, by its line, which may be written after the answer."""
    wait_until(lambda: len(webhook.reviews()) == number)
    return float(webhook.reviews()[-1]["ms"]) / 1000


def test_a_crash_tells_what_each_thread_was_at(tmp_path: Path) -> None:
    with Webhook(
        tmp_path / "webhook", "--policies", write_policies(tmp_path / "policies", objects.policy())
    ) as running:
        running.wait_synced()
        running.process.signal(signal.SIGSEGV)
        assert running.process.wait() == -signal.SIGSEGV
        told = running.process.log.read_text()
    assert "Fatal Python error: Segmentation fault" in told
    assert "uvloop" in told or "runners.py" in told


@pytest.mark.case("SVC-006")
def test_sigterm_serves_on_unready_then_finishes_what_is_being_answered_and_exits_0(tmp_path: Path) -> None:
    with stalled_review(tmp_path, "--drain-seconds", str(DRAIN_SECONDS)) as (webhook, judged):
        webhook.process.signal(signal.SIGTERM)
        wait_until(lambda: webhook.ask_status("/readyz")[0] == 503)
        time.sleep(0.5)  # without draining, nobody would listen any more
        assert webhook.ask("GET", "/validate")[0] == 405
        assert judged()["status"]["code"] == 503
        assert webhook.process.wait() == 0


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with stalled_review(tmp_path, "--drain-seconds", "60") as (webhook, judged):
        webhook.process.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in webhook.process.output())
        webhook.process.signal(signal.SIGTERM)
        assert webhook.process.wait() == 0
        with suppress(OSError, http.client.HTTPException, NotAnswered):  # broken off, or HTTP 500
            assert judged()["allowed"] is False


@pytest.mark.case("SVC-011")
@pytest.mark.slow
def test_connections_that_send_nothing_are_closed_and_others_are_served(webhook: Webhook) -> None:
    host, port = webhook.admission.split(":")
    with ExitStack() as open_ones:
        silent = [
            open_ones.enter_context(socket.create_connection((host, int(port)), timeout=180)) for _ in range(1000)
        ]
        handshaken = open_ones.enter_context(webhook.tls.wrap_socket(silent.pop(), server_hostname=host))
        handshaken.sendall(b"POST /validate HTTP/1.1\r\nHost: x\r\n")
        assert answer(webhook, "docker.io/library/nginx")["allowed"] is True
        started = time.monotonic()
        with suppress(ConnectionResetError):
            assert handshaken.recv(1) == b""
        assert all(closed(one) for one in silent)
        assert time.monotonic() - started < 120
    wait_until(lambda: b'navicert_refused_connections_total{cause="late"}' in webhook.ask_status("/metrics")[1])


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


SERVE = ("-m", "controller.cli.main")
SERVE_WITHOUT_MEMORY = """
import threading
from pathlib import Path
from controller.cli import main
from controller.webhook import tls

read_bytes = Path.read_bytes

def read_or_fail(path):
    if threading.current_thread() is not threading.main_thread():
        raise MemoryError
    return read_bytes(path)

Path.read_bytes, tls.POLL_SECONDS = read_or_fail, 0.1
main.main()
"""


def test_what_breaks_beside_the_listeners_ends_the_replica_and_says_why(tmp_path: Path) -> None:
    """One that served on would take no new certificate, and nobody would know until the old one ends."""
    policies = write_policies(tmp_path / "policies", objects.policy())
    ran = serve(tmp_path, "--policies", policies, program=("-c", SERVE_WITHOUT_MEMORY))
    assert ran.returncode == 1
    assert "MemoryError" in ran.stderr


def serve(
    folder: Path, *arguments: str | Path, program: tuple[str, str] = SERVE, **environment: str
) -> subprocess.CompletedProcess[str]:
    certificate, key = Authority().server("127.0.0.1").write(folder, "tls")
    tls = ("--tls-cert", certificate, "--tls-key", key) if "NAVICERT_TLS_CERT" not in environment else ()
    ports = ("--listen", "127.0.0.1:0", "--status-listen", "127.0.0.1:0")
    command = [sys.executable, *program, "serve", *tls, *ports, *arguments]
    cleaned = {name: value for name, value in os.environ.items() if not name.startswith(("KUBERNETES_", "NAVICERT_"))}
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=180, env=cleaned | environment, cwd=root, check=False
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("not-yaml.yaml", "kind: [", ("not-yaml.yaml", "line")),
        ("twice.yaml", "a: 1\na: 2\n", ("twice.yaml", "twice")),
        ("foreign.yaml", "apiVersion: v1\nkind: Secret\n", ("foreign.yaml (document 1)", "Secret")),
        (
            "unnamed.yaml",
            "apiVersion: navicert.dev/v1alpha1\nkind: TrustRoot\nmetadata: {}\n",
            ("unnamed.yaml", "metadata.name"),
        ),
        ("kindless.yaml", "apiVersion: navicert.dev/v1alpha1\nkind: SLSAPolice\n", ("kindless.yaml", "kind")),
        (
            "disguised.yaml",
            "apiVersion: navicert.dev/v1alpha1\nkind: Namespace\nmetadata: {name: a}\n",
            ("disguised.yaml", "kind"),
        ),
        ("notes.txt", "", ("no file that ends in",)),
    ],
    ids=["not YAML", "duplicate key", "foreign kind", "unnamed", "unknown kind", "disguised kind", "empty folder"],
)
def test_a_file_that_is_no_policy_stops_the_start_with_its_place(
    name: str, text: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / name).write_text(text)
    ran = serve(tmp_path, "--policies", policies)
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("registries: []\nregistries: []\n", "line 2: the key 'registries' stands twice"),
        ("registries:\n- host: a.example\n  plainHTTP: true\n  plainHTTP: false\n", "'plainHTTP' stands twice"),
        ("registries: []\n---\nregistries: []\n", "expected one key, registries"),
        ("registries: []\nothers: []\n", "expected one key, registries"),
        ("", "expected one key, registries"),
        ("registries: [", "line 1"),
        ("registries: {}\n", "list"),
    ],
)
def test_registries_that_say_less_or_more_than_one_thing_stop_the_start(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "registries.yaml").write_text(text)
    ran = serve(tmp_path, "--policies", tmp_path, "--registries", tmp_path / "registries.yaml")
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "registries.yaml" in ran.stderr
    assert word in ran.stderr


def nobodys_cluster(file: Path) -> Path:
    """A kubeconfig of a cluster that nobody serves."""
    named = {
        "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "x", "user": {}}],
    }
    contexts = [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
    file.write_text(yaml.safe_dump({**named, "contexts": contexts, "current-context": "x"}))
    return file


@pytest.mark.parametrize("origin", ["files", "a cluster"])
def test_a_client_certificate_for_a_registry_that_is_not_there_stops_the_start(origin: str, tmp_path: Path) -> None:
    policies = write_policies(tmp_path / "policies", objects.policy())
    entry = {"host": "a.example", "clientCertificate": {"cert": "/nonexistent/tls.crt", "key": "/nonexistent/tls.key"}}
    (tmp_path / "registries.yaml").write_text(yaml.safe_dump({"registries": [entry]}))
    place = (
        ("--kubeconfig", nobodys_cluster(tmp_path / "kubeconfig"))
        if origin == "a cluster"
        else ("--policies", policies)
    )
    ran = serve(tmp_path, *place, "--registries", tmp_path / "registries.yaml")
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "a.example.clientCertificate: /nonexistent/tls.crt" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "no pod of a cluster"),
        (("--kubeconfig", "{tmp}/tls.key"), "tls.key"),
        (("--policies", "{tmp}/tls.key", "--kubeconfig", "{tmp}/tls.key"), "exclude"),
        (("--policies", "{tmp}/nowhere"), "nowhere"),
        (("--registries", "{tmp}/tls.key", "--policies", "{tmp}"), "tls.key"),
        (("--credentials", "{tmp}/tls.key", "--policies", "{tmp}"), "tls.key"),
        (("--credential-programs", "{tmp}/tls.key", "--policies", "{tmp}"), "tls.key"),
        (("--tls-key", "{tmp}/tls.crt"), "tls.crt"),
        (("--listen", "192.0.2.1:1"), "192.0.2.1:1"),
        (("--listen", "localhost"), "localhost"),
        (("--uncovered", "Maybe"), "Maybe"),
    ],
    ids=[
        "no source",
        "kubeconfig",
        "two sources",
        "absent",
        "registries",
        "credentials",
        "credential programs",
        "TLS pair",
        "foreign address",
        "address",
        "choice",
    ],
)
def test_a_setting_that_can_not_be_used_is_one_line_and_exit_2(
    arguments: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    ran = serve(tmp_path, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    assert word in ran.stderr


def test_an_environment_variable_stands_in_for_a_flag(tmp_path: Path) -> None:
    ran = serve(tmp_path, NAVICERT_TLS_CERT=str(tmp_path / "nowhere"), NAVICERT_TLS_KEY=str(tmp_path / "tls.key"))
    assert ran.returncode == 2
    assert "nowhere" in ran.stderr
