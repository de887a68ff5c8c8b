"""Distribution under a private authority, behind Basic or behind tokens: what registries of companies look like.

`private_registry(folder, Access.TOKEN)` runs one; its `authority` is the certificate to trust, its `accounts` who may
pull, and pushing test images works as with any Registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.pki import Authority, Identity
from tests.support.registries import Kind, Registry, Response
from tests.support.tokenserver import TokenServer, basic

NAME, PASSWORD = "robot", "correct horse"
ACCOUNTS: Mapping[str, str] = MappingProxyType({NAME: PASSWORD})
# bcrypt of PASSWORD, cost 4: distribution takes no other form.
HTPASSWD = f"{NAME}:$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n"
REPOSITORY = re.compile(r"/v2/(?P<name>.+?)/(?:blobs|manifests|tags|referrers)/")


class Access(Enum):
    """What the registry asks of whoever pulls."""

    ANONYMOUS = "nothing"
    BASIC = "name and password"
    TOKEN = "a token of its realm"


class PrivateRegistry(Registry):
    """A distribution over TLS. `authority` is the PEM certificate that vouches for it and for its token server.

    `request` carries what the registry asks for, so that pushing works: an `authorization` of the caller's own goes
    before it. `tokens` is None unless the access is by token.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        *,
        authority: bytes,
        access: Mapping[str, Any],
        tokens: TokenServer | None = None,
    ) -> None:
        super().__init__(Kind.DISTRIBUTION, folder, identity, auth=access)
        self.authority = authority
        self.accounts = ACCOUNTS
        self.tokens = tokens

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        return super().request(method, path, body, **{"authorization": self._authorization(path)} | headers)

    def cosign_options(self, folder: Path) -> list[str | Path]:
        """What cosign has to be told to write here."""
        authority = folder / "registry-authority.pem"
        authority.write_bytes(self.authority)
        return ["--registry-cacert", authority, "--registry-username", NAME, "--registry-password", PASSWORD]

    def _authorization(self, path: str) -> str:
        found = REPOSITORY.search(path)
        if self.tokens is None or found is None:
            return basic(NAME, PASSWORD)
        scope = f"repository:{found['name']}:pull,push"
        return f"Bearer {self.tokens.token(scope)}"


@contextmanager
def private_registry(folder: Path, access: Access) -> Iterator[PrivateRegistry]:
    """A running registry, and its token server where there is one, under an authority of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority("private registries")
    with ExitStack() as running:
        tokens = None
        setting: dict[str, Any] = {}
        if access is Access.BASIC:
            (folder / "htpasswd").write_text(HTPASSWD)
            setting = {"htpasswd": {"realm": "private", "path": str(folder / "htpasswd")}}
        if access is Access.TOKEN:
            tokens = TokenServer(accounts=ACCOUNTS)
            running.enter_context(tokens.running(folder, authority.server("127.0.0.1", "localhost")))
            # By name: cosign 3 asks nothing of a realm that is a loopback address.
            tokens.url = tokens.url.replace("127.0.0.1", "localhost")
            setting = tokens.access(folder)
        identity = authority.server("127.0.0.1", "localhost")
        yield running.enter_context(
            PrivateRegistry(folder, identity, authority=authority.certificate, access=setting, tokens=tokens)
        )
