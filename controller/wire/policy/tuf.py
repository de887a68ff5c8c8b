"""Where a TrustRoot is refreshed from, for whoever refreshes it."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import ValidationError

from controller.core.errors import MalformedDocument
from controller.wire.duration import parse_duration
from controller.wire.policy.root import TRUSTED_ROOT_CHARACTERS, Tuf
from controller.wire.policy.unlinked import DEFAULT_STALE_AFTER, TufSource

__all__ = ["DEFAULT_STALE_AFTER", "TRUSTED_ROOT_CHARACTERS", "TufSource", "duration", "tuf_source"]


def tuf_source(source: Mapping[str, object]) -> TufSource | None:
    """Where this TrustRoot is refreshed from; None for one that is not, or whose words about it do not hold."""
    spec = source.get("spec")
    sigstore = spec.get("sigstore") if isinstance(spec, Mapping) else None
    given = sigstore.get("tuf") if isinstance(sigstore, Mapping) else None
    if not isinstance(spec, Mapping) or not isinstance(given, dict):
        return None
    try:
        tuf = Tuf.model_validate(given)
    except ValidationError:
        return None
    after = duration(spec.get("staleAfter")) if spec.get("staleAfter") is not None else DEFAULT_STALE_AFTER
    return None if after is None else TufSource(url=tuf.url, root=tuf.root, target=tuf.target, stale_after=after)


def duration(text: object) -> timedelta | None:
    """The span that a duration of our API names; None where it is none."""
    try:
        return parse_duration(text) if isinstance(text, str) else None
    except MalformedDocument:
        return None
