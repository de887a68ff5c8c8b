"""The webhook's certificates: what there is, what has to be done about it (pure), and doing one step of it.

Two Secrets. The authority's holds its key, and no pod mounts it; `ca.crt` there is the bundle: the authority in use and
every earlier one that has not expired. The serving one is what webhook replicas mount. An authority is followed by
another in four steps, each of which waits for the one before: made and put into the bundle; the bundle put into the
webhook configurations; a certificate by the new authority served; the old one dropped when it has expired. An authority
outlives all it issued, so no replica can ever serve a certificate that the bundle does not vouch for (OPS-005).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from controller.core.errors import MalformedDocument
from controller.trust.issuing import KeyPair, authorities, issue_authority, issue_server, serves, validity_of

AUTHORITY_LIFETIME = timedelta(days=365)
CERTIFICATE_LIFETIME = timedelta(days=90)
RENEWED_AFTER = 2 / 3  # of the lifetime


class Step(Enum):
    """One thing to do."""

    NEW_AUTHORITY = "new authority"
    NEW_CERTIFICATE = "new serving certificate"
    NEW_BUNDLE = "authorities that live, and no others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What the two Secrets hold; None and empty where nothing is there."""

    authority: KeyPair | None = None
    bundle: bytes = b""
    serving: KeyPair | None = None
    served_bundle: bytes = b""


def plan(held: Certificates, *, names: tuple[str, ...], announced: tuple[bytes, ...], now: datetime) -> Step | None:
    """The next thing to do now, or None when all is well, or waits for the bundle to be announced. Never raises.

    `announced` are the bundles that the API server goes by, none while it calls nothing: a certificate by an authority
    that is not in all of them would be refused, so the one before it is served on until it is.
    """
    if held.authority is None or _due(held.authority, now):
        return Step.NEW_AUTHORITY
    vouched = all(_vouches(bundle, held.authority, now) for bundle in announced)
    if vouched and _needs_certificate(held, held.authority, names, now):
        return Step.NEW_CERTIFICATE
    bundle = _bundle(held, now)
    if held.bundle != bundle or (held.serving is not None and held.served_bundle != bundle):
        return Step.NEW_BUNDLE
    return None


def take(step: Step, held: Certificates, *, names: tuple[str, ...], now: datetime) -> Certificates:
    """What the Secrets are to hold after this step of the plan. Raises MalformedDocument after another plan."""
    following = held
    if step is Step.NEW_AUTHORITY:
        authority = issue_authority(f"{names[0]} authority", now=now, lifetime=AUTHORITY_LIFETIME)
        following = replace(held, authority=authority)
    elif step is Step.NEW_CERTIFICATE and held.authority is not None:
        serving = issue_server(held.authority, names, now=now, lifetime=CERTIFICATE_LIFETIME)
        following = replace(held, serving=serving)
    bundle = _bundle(following, now)
    return replace(following, bundle=bundle, served_bundle=bundle)


def _bundle(held: Certificates, now: datetime) -> bytes:
    """The authority in use first, then the earlier ones that live; both Secrets remember them, in case one is lost."""
    current = (held.authority.certificate,) if held.authority else ()
    return b"".join(dict.fromkeys((*current, *_live(held.bundle, now), *_live(held.served_bundle, now))))


def _live(bundle: bytes, now: datetime) -> tuple[bytes, ...]:
    try:
        return authorities(bundle, now=now) if bundle else ()
    except MalformedDocument:
        return ()


def _due(pair: KeyPair, now: datetime) -> bool:
    try:
        return validity_of(pair).share(now) >= RENEWED_AFTER
    except MalformedDocument:
        return True


def _needs_certificate(held: Certificates, authority: KeyPair, names: tuple[str, ...], now: datetime) -> bool:
    if held.serving is None or _due(held.serving, now):
        return True
    try:
        return not serves(held.serving, authority.certificate, names)
    except MalformedDocument:
        return True


def _vouches(announced: bytes, authority: KeyPair, now: datetime) -> bool:
    return bool(_live(authority.certificate, now)) and set(_live(authority.certificate, now)) <= set(
        _live(announced, now)
    )


def expiry(held: Certificates) -> Mapping[str, datetime]:
    """When what is in use expires, by name; what can't be read is left out."""
    times: dict[str, datetime] = {}
    for name, pair in (("authority", held.authority), ("serving", held.serving)):
        try:
            times |= {name: validity_of(pair).not_after} if pair is not None else {}
        except MalformedDocument:
            continue
    return times
