"""The terms of the listeners that no test can wait for."""

import socket

from controller.webhook.app import AdmissionApp
from controller.webhook.asgi import Prompt, Receive, Scope, Send
from controller.webhook.connections import Terms
from controller.webhook.server import Listener, _configuration

API_SERVER_IDLE_SECONDS = 90  # k8s.io/apimachinery, SetTransportDefaults: after that its clients drop a connection


async def app(_scope: Scope, _receive: Receive, _send: Send) -> None: ...


def test_an_idle_connection_is_kept_longer_than_the_api_server_keeps_it() -> None:
    """Whoever drops first must be the client: a review would meet a connection that is just being closed."""
    terms = Terms(client_names=frozenset(), refused=lambda _cause: None)
    listener = Listener(serves="reviews", app=app, bound=socket.socket.__new__(socket.socket), tls=None, terms=terms)
    assert _configuration(listener).timeout_keep_alive > API_SERVER_IDLE_SECONDS


def test_what_admits_is_asked_first() -> None:
    assert isinstance(AdmissionApp({}), Prompt)
