"""Where the webhook's authorities and serving certificate come from, and keeping them good."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from controller.core.errors import ApiServerUnavailable, MalformedDocument
from controller.kube.client import ApiClient, Object, Verb
from controller.kube.secret import Secret, parse_secret, render_tls_secret
from controller.reconcile.certificates import Certificates, expiry, plan, take
from controller.reconcile.names import Home
from controller.trust.issuing import KeyPair, authorities

CERTIFICATE, KEY, AUTHORITIES = "tls.crt", "tls.key", "ca.crt"
OVERLAP = timedelta(minutes=10)  # a kubelet takes a minute or two to bring a Secret into its volumes
_MOST_STEPS = 4  # of one pass: an authority, a certificate and the bundle

Write = Callable[[Verb, str, Object], Awaitable[Object | None]]
"""Writes while this process leads; see `Elector.write`."""

Expiry = Callable[[str, datetime], None]

_log = logging.getLogger(__name__)


class Keeper(Protocol):
    """A source of certificates."""

    async def keep(self, announced: tuple[bytes, ...], now: datetime) -> bytes | None:
        """Do what is due, and give the bundle that webhook configurations are to carry; None while there is none.

        `announced` are the bundles that filled-in configurations carry now. Raises ApiServerUnavailable and NotLeading.
        """


class OwnCertificates:
    """Navicert makes its certificates itself; see `controller.reconcile.certificates`."""

    def __init__(self, client: ApiClient, write: Write, home: Home, *, expires: Expiry) -> None:
        """`expires` is told by name when each certificate in use expires."""
        self._client = client
        self._write = write
        self._home = home
        self._expires = expires

    async def keep(self, announced: tuple[bytes, ...], now: datetime) -> bytes | None:
        """See Keeper."""
        for _ in range(_MOST_STEPS):
            if not await self._advance(announced, now):
                break
        held = _held(await self._read(self._home.authority_secret), await self._read(self._home.serving_secret))
        for name, time in expiry(held).items():
            self._expires(name, time)
        return held.bundle or None

    async def _advance(self, announced: tuple[bytes, ...], now: datetime) -> bool:
        """Take the next step of the plan; False when there is none."""
        names = self._home.dns_names
        authority, serving = await self._read(self._home.authority_secret), await self._read(self._home.serving_secret)
        held = _held(authority, serving)
        step = plan(held, names=names, announced=announced, now=now)
        if step is None:
            return False
        following = take(step, held, names=names, now=now)
        await self._store(self._home.authority_secret, authority, following.authority, following.bundle)
        await self._store(self._home.serving_secret, serving, following.serving, following.served_bundle)
        _log.info("certificates renewed", extra={"step": step.value})
        return True

    async def _read(self, name: str) -> Secret:
        return parse_secret(await self._client.get(f"{self._home.secrets}/{name}"))

    async def _store(self, name: str, before: Secret, pair: KeyPair | None, bundle: bytes) -> None:
        if pair is None:
            return
        contents = {**before.contents, CERTIFICATE: pair.certificate, KEY: pair.key, AUTHORITIES: bundle}
        if contents == before.contents:
            return
        secret = Secret(version=before.version, contents=contents)
        document = render_tls_secret(self._home.namespace, name, secret, self._home.owner)
        verb, path = (
            (Verb.MERGE, f"{self._home.secrets}/{name}") if before.version else (Verb.CREATE, self._home.secrets)
        )
        if await self._write(verb, path, document) is None:
            raise ApiServerUnavailable(f"the Secret {name} went while it was written")


class GivenCertificates:
    """Somebody else, such as cert-manager, fills the serving Secret; `ca.crt` in it is whom the API server believes.

    Only an authority there is carried on: a certificate of a public one is for its owner to announce. One that another
    took the place of is believed for OVERLAP more, because replicas serve what it issued until they are given anew
    (OPS-005); an operator that starts in between knows nothing of it.
    """

    def __init__(self, client: ApiClient, home: Home) -> None:
        self._client = client
        self._home = home
        self._given: dict[bytes, datetime] = {}

    async def keep(self, announced: tuple[bytes, ...], now: datetime) -> bytes | None:  # noqa: ARG002
        """See Keeper."""
        secret = parse_secret(await self._client.get(f"{self._home.secrets}/{self._home.serving_secret}"))
        try:
            live = authorities(secret.contents.get(AUTHORITIES, b""), now=now)
        except MalformedDocument:
            live = ()
        if not live:
            _log.warning("no authority given", extra={"secret": self._home.serving_secret, "key": AUTHORITIES})
            return None
        self._given |= dict.fromkeys(live, now)
        self._given = {one: seen for one, seen in self._given.items() if now - seen < OVERLAP}
        return b"".join(dict.fromkeys((*live, *self._given)))


def _held(authority: Secret, serving: Secret) -> Certificates:
    return Certificates(
        authority=_pair(authority),
        bundle=authority.contents.get(AUTHORITIES, b""),
        serving=_pair(serving),
        served_bundle=serving.contents.get(AUTHORITIES, b""),
    )


def _pair(secret: Secret) -> KeyPair | None:
    certificate, key = secret.contents.get(CERTIFICATE), secret.contents.get(KEY)
    return KeyPair(certificate=certificate, key=key) if certificate and key else None
