"""A private Sigstore in memory: everything that a trusted root lists, and the trusted root itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tests.support.authority import Authority, CTLog
from tests.support.certificates import Span
from tests.support.rekor import Log, RekorV1, RekorV2, b64
from tests.support.signing import KeyPair
from tests.support.tsa import TimestampAuthority

Json = dict[str, Any]
TRUSTED_ROOT = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
# The moment of signing; a leaf lives for ten minutes around it, the instance for years.
SIGNED = datetime(2026, 2, 20, 10, 2, tzinfo=UTC)
LEAF_SPAN = Span(start=SIGNED - timedelta(minutes=2), end=SIGNED + timedelta(minutes=8))
SPAN = Span(start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2034, 1, 1, tzinfo=UTC))
INTEGRATED = SIGNED + timedelta(seconds=1)
STAMPED = SIGNED + timedelta(seconds=2)
JUDGED = datetime(2026, 3, 1, tzinfo=UTC)


class Instance:
    """Certificate authority, CT log, Rekor v1 and v2, timestamp authority. Another `name`, other keys."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.authority = Authority(f"{name} fulcio", SPAN)
        self.ct_log = CTLog(f"{name} ct")
        self.rekor = RekorV1(f"rekor.{name}.example")
        self.rekor_v2 = RekorV2(f"log2026-1.rekor.{name}.example")
        self.timestamps = TimestampAuthority(f"{name} tsa", SPAN)

    def trusted_root(self) -> Json:
        """The trusted root as JSON, to be broken further."""
        return {
            "mediaType": TRUSTED_ROOT,
            "tlogs": [_log(self.rekor), _log(self.rekor_v2)],
            "certificateAuthorities": [
                authority_entry(f"https://fulcio.{self.name}.example", self.authority.intermediate, self.authority.root)
            ],
            "ctlogs": [_key_entry(f"https://ct.{self.name}.example", self.ct_log.key, self.ct_log.key.id)],
            "timestampAuthorities": [
                authority_entry(f"https://tsa.{self.name}.example", self.timestamps.leaf, self.timestamps.root)
            ],
        }


@cache
def acme() -> Instance:
    """The instance that evidence comes from."""
    return Instance("acme")


@cache
def stranger() -> Instance:
    """An instance that no root lists."""
    return Instance("stranger")


def authority_entry(uri: str, *certificates: bytes) -> Json:
    return {
        "subject": {"organization": "acme.example", "commonName": "acme"},
        "uri": uri,
        "certChain": {"certificates": [{"rawBytes": b64(certificate)} for certificate in certificates]},
        "validFor": {"start": rfc3339(SPAN.start)},
    }


def rfc3339(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _log(log: Log) -> Json:
    return _key_entry(f"https://{log.host}", log.key, log.id)


def _key_entry(url: str, key: KeyPair, key_id: bytes) -> Json:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(key.spki),
            "keyDetails": key.kind.value,
            "validFor": {"start": rfc3339(SPAN.start)},
        },
        "logId": {"keyId": b64(key_id)},
    }
