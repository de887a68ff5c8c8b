"""Judging the forms that one producer or another writes, and those that none should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.core.evidence import Refused
from tests.support.bundles import Json, Order, Require, order
from tests.support.forms import FORMS
from tests.support.instance import SPAN, STAMPED, authority_entry
from tests.support.rooting import judge_order, payload_for
from tests.support.tsa import Stamp, TimestampAuthority

CRITICAL = TimestampAuthority("github tsa 2", SPAN)
NOT_CRITICAL = TimestampAuthority("github tsa 1", SPAN, critical=False)


def sound(name: str) -> Order:
    return order(FORMS[name], payload_for(FORMS[name]))


def as_github_has_it(*stamps: TimestampAuthority) -> Order:
    """A root of authorities alone, two of them for timestamps; neither a log nor a CT log, and no SCT."""

    def change(root: Json) -> None:
        listed = [
            authority_entry("https://timestamp.example", each.leaf, each.root) for each in (NOT_CRITICAL, CRITICAL)
        ]
        root.update(tlogs=[], ctlogs=[], timestampAuthorities=listed)

    return replace(
        sound("v0.3 timestamp only"),
        submissions=(),
        on_root=change,
        require=Require(transparency_log=False, signed_timestamp=True, sct=False),
        stamps=[(authority, Stamp(at=STAMPED)) for authority in stamps],
    )


@pytest.mark.case("SIGN-042")
def test_a_root_of_authorities_alone_proves_what_an_authority_stamped() -> None:
    judged = judge_order(as_github_has_it(CRITICAL))
    assert not isinstance(judged, Refused), judged.detail
    assert [each.times for each in judged] == [(STAMPED,)]


@pytest.mark.case("SIGN-042")
def test_without_its_timestamp_nothing_is_proven_under_it() -> None:
    judged = judge_order(as_github_has_it())
    assert isinstance(judged, Refused)
    assert "no authority of this trust root signed a timestamp" in judged.detail


@pytest.mark.case("SIGN-042")
def test_an_authority_whose_purpose_is_not_critical_shows_no_time_and_takes_none_from_others() -> None:
    """RFC 3161, 2.3."""
    assert isinstance(judge_order(as_github_has_it(NOT_CRITICAL)), Refused)
    judged = judge_order(as_github_has_it(NOT_CRITICAL, CRITICAL))
    assert not isinstance(judged, Refused), judged.detail
    assert [each.times for each in judged] == [(STAMPED,)]


def _over_the_signature(wanted: Order) -> None:
    wanted.stamped_message = wanted.key.sign(wanted.message)


def _over_the_payload(wanted: Order) -> None:
    wanted.stamped_message = wanted.payload


def _over_what_is_signed(wanted: Order) -> None:
    wanted.stamped_message = wanted.message


@pytest.mark.case("TIME-007")
def test_a_timestamp_over_the_bare_signature_of_an_attestation_layer_counts() -> None:
    wanted = sound(".att timestamp only")
    _over_the_signature(wanted)
    judged = judge_order(wanted)
    assert not isinstance(judged, Refused), judged.detail
    assert [each.times for each in judged] == [(STAMPED,)]


@pytest.mark.case("TIME-007")
@pytest.mark.parametrize("over", [_over_the_payload, _over_what_is_signed])
def test_a_timestamp_over_anything_else_of_it_does_not(over: Callable[[Order], None]) -> None:
    wanted = sound(".att timestamp only")
    over(wanted)
    assert isinstance(judge_order(wanted), Refused)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # as in production
@pytest.mark.parametrize("serial", [0, -1])
@pytest.mark.parametrize("name", ["v0.3 dsse", "v0.2 dsse", ".att dsse"])
def test_a_certificate_without_a_positive_serial_number_proves_nothing(name: str, serial: int) -> None:
    """RFC 5280, 4.1.2.2. The library warns and goes on."""
    wanted = sound(name)
    wanted.leaf = replace(wanted.leaf, serial=serial)
    judged = judge_order(wanted)
    assert isinstance(judged, Refused)
    assert "serial number" in judged.detail
