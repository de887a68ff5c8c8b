"""Clients that create pods without pause, each answer compared with what it must be, counted by kind and phase."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from tests.support.controlplane import Credentials
from tests.support.processes import wait_until
from tests.support.pulse import Pulse
from tests.support.reviews import container

DENIED = "denied the request"  # how an API server quotes a webhook that answered
IGNORANCE = ("DeadlineExceeded", "RegistryUnavailable")  # what is told of a gathering that took too long
REQUEST_SECONDS = 30.0
PAUSE_SECONDS = 0.05  # after an answer that never came: nobody hammers a closed door


class Answered(Enum):
    """What became of one pod."""

    ADMITTED = "admitted as it must be"
    REFUSED = "refused as it must be"
    WRONGLY_ADMITTED = "admitted, and must not be"
    WRONGLY_REFUSED = "refused, and must not be, or for another reason"
    UNKNOWN = "refused because it could not be found out in time"
    UNJUDGED = "the API server did not reach the webhook"
    UNPINNED = "the API server did not reach the webhook that pins, and the tag was refused"
    NO_API_SERVER = "the API server did not answer, or could not work"
    STOOD_STILL = "one of the four before, while the machine stood still"


RIGHT = frozenset({Answered.ADMITTED, Answered.REFUSED})
WRONG = frozenset({Answered.WRONGLY_ADMITTED, Answered.WRONGLY_REFUSED})
OUTAGE = frozenset({Answered.UNJUDGED, Answered.UNPINNED, Answered.NO_API_SERVER})
LATE = OUTAGE | {Answered.UNKNOWN}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """An image, and the word of the refusal that it must meet; None: it must be admitted."""

    image: str
    word: str | None = None

    def answered(self, status: int, message: str) -> Answered:
        """What this answer of the API server is."""
        if status == HTTPStatus.CREATED:
            return Answered.ADMITTED if self.word is None else Answered.WRONGLY_ADMITTED
        if "TagNotPinned" in message:
            return Answered.UNPINNED
        if DENIED in message:
            if self.word is not None and self.word in message and status == HTTPStatus.FORBIDDEN:
                return Answered.REFUSED
            late = status == HTTPStatus.SERVICE_UNAVAILABLE and any(reason in message for reason in IGNORANCE)
            return Answered.UNKNOWN if late else Answered.WRONGLY_REFUSED
        return Answered.UNJUDGED if "calling webhook" in message else Answered.NO_API_SERVER


@dataclass(kw_only=True)
class Tally:
    """What became of the pods of each phase, with the first messages of what was not right, and the longest answer."""

    counts: dict[str, Counter[Answered]] = field(default_factory=lambda: defaultdict(Counter))
    told: dict[tuple[str, Answered], str] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, *kinds: Answered) -> int:
        return sum(counts[kind] for counts in self.counts.values() for kind in kinds)

    def lines(self) -> Iterator[str]:
        """One for each phase, and one for each kind of wrong answer in it."""
        for phase, counts in self.counts.items():
            right, wrong = sum(counts[one] for one in RIGHT), counts.total() - sum(counts[one] for one in RIGHT)
            yield (
                f"{phase:<28} {self.seconds.get(phase, 0):5.1f} s, {right:5} right, {wrong:4} not,"
                f" slowest answer {self.longest[phase]:4.1f} s"
            )
            for kind in counts.keys() - RIGHT:
                yield f"    {counts[kind]} x {kind.value}: {self.told[phase, kind]}"


class Storm:
    """Threads that create pods of the expected images in turn, each over a connection that it keeps."""

    def __init__(self, credentials: Credentials, namespace: str, expected: tuple[Expected, ...], tally: Tally) -> None:
        self._address = urlsplit(credentials.server).netloc
        self._tls = ssl.create_default_context(cafile=str(credentials.ca_file))
        if credentials.certificate is not None:
            self._tls.load_cert_chain(*credentials.certificate)
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._expected = expected
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._phase = "before"
        self._pulse = Pulse()
        self._clients = 0
        self._right = Counter[int]()  # answers in a row, by client: since the last that was not right, to whomever
        self.tally = tally

    @contextmanager
    def raging(self, *, clients: int) -> Iterator[None]:
        """Meanwhile so many clients create pods. What is answered outside of a phase counts as `before`."""
        self._clients = clients
        threads = [threading.Thread(target=self._create_on, args=(number,)) for number in range(clients)]
        with self._pulse.beating():
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._ended.set()
                for thread in threads:
                    thread.join()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is answered meanwhile is counted here. It ends when all is well again: each client has had the right
        answer for each image since anybody had another, and so waits for nothing that was asked before that.

        Raises TimeoutError when that does not come about.
        """
        started, self._phase = time.monotonic(), name
        yield
        with self._lock:
            self._right.clear()
        wait_until(self._well)
        self.tally.seconds[name] = time.monotonic() - started

    def _well(self) -> bool:
        with self._lock:
            return all(self._right[number] >= len(self._expected) for number in range(self._clients))

    def _create_on(self, number: int) -> None:
        connection = http.client.HTTPSConnection(self._address, context=self._tls, timeout=REQUEST_SECONDS)
        with closing(connection):
            self._create_over(connection, number)

    def _create_over(self, connection: http.client.HTTPSConnection, number: int) -> None:
        turn = number
        while not self._ended.is_set():
            expected, turn = self._expected[turn % len(self._expected)], turn + 1
            started = time.monotonic()
            try:
                status, message = self._create(connection, expected.image)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._count(number, Answered.NO_API_SERVER, type(error).__name__, started)
                time.sleep(PAUSE_SECONDS)
                continue
            kind = expected.answered(status, message)
            self._count(number, kind, f"{status} {message}", started)

    def _create(self, connection: http.client.HTTPSConnection, image: str) -> tuple[int, str]:
        document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"generateName": "storm-"},
            "spec": {"containers": [container(image)]},
        }
        connection.request("POST", self._path, json.dumps(document), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, _message(answer.read())

    def _count(self, number: int, kind: Answered, told: str, started: float) -> None:
        seconds = time.monotonic() - started
        if kind in LATE and self._pulse.stood_still(started):
            kind = Answered.STOOD_STILL
        with self._lock:
            if kind not in RIGHT:
                self._right.clear()
            self._right[number] += kind in RIGHT
            phase = self._phase
            self.tally.counts[phase][kind] += 1
            self.tally.told.setdefault((phase, kind), told[:300])
            self.tally.longest[phase] = max(self.tally.longest[phase], seconds)


def _message(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
    return str(document.get("message", "")) if isinstance(document, Mapping) else ""


def images_in(pods: Mapping[str, Any]) -> Counter[str]:
    """How many of these pods run which image."""
    return Counter(one["image"] for pod in pods["items"] for one in pod["spec"]["containers"])
