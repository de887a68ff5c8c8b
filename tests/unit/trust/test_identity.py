"""What a certificate says of its signer, in both generations of Fulcio's extensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from cryptography import x509

from controller.core.errors import NotVerified
from controller.core.signer import CertificateSigner, Extensions
from controller.trust.extensions import read_extensions
from controller.trust.identity import MAX_BYTES, signer_of
from tests.support.authority import COMMIT, IDENTITY, ISSUER, NEW_EXTENSIONS, OLD_EXTENSIONS, Leaf
from tests.support.certificates import email, other_name, uri
from tests.support.der import element, utf8
from tests.support.instance import LEAF_SPAN, acme
from tests.support.signing import KeyPair

BOTH: Mapping[int, str | bytes] = {**OLD_EXTENSIONS, **NEW_EXTENSIONS}


def read(extensions: Mapping[int, str | bytes]) -> CertificateSigner:
    der = acme().authority.issue(Leaf(span=LEAF_SPAN, fulcio=extensions), KeyPair("leaf").spki, ())
    return signer_of(read_extensions(x509.load_der_x509_certificate(der)), root_name="acme")


def test_every_extension_is_read() -> None:
    assert read(BOTH).extensions == Extensions(
        build_signer_uri=IDENTITY,
        build_signer_digest="77" * 20,
        runner_environment="github-hosted",
        source_repository_uri="https://github.com/acme/shop",
        source_repository_digest=COMMIT,
        source_repository_ref="refs/tags/v1.2.3",
        source_repository_id="1001",
        source_repository_owner_uri="https://github.com/acme",
        source_repository_owner_id="2002",
        build_config_uri="https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.2.3",
        build_config_digest=COMMIT,
        build_trigger="push",
        run_invocation_uri="https://github.com/acme/shop/actions/runs/42/attempts/1",
        source_repository_visibility="public",
        deployment_environment="production",
        token_subject="repo:acme/shop:ref:refs/tags/v1.2.3",
        workflow_trigger="push",
        workflow_sha=COMMIT,
        workflow_name="release",
        workflow_repository="acme/shop",
        workflow_ref="refs/tags/v1.2.3",
    )


def named(name: bytes) -> CertificateSigner:
    leaf = Leaf(span=LEAF_SPAN, fulcio=BOTH, names=(name,))
    der = acme().authority.issue(leaf, KeyPair("leaf").spki, ())
    return signer_of(read_extensions(x509.load_der_x509_certificate(der)), root_name="acme")


@pytest.mark.parametrize("kind", [uri, email, other_name])
def test_a_name_is_not_empty_and_bounded(kind: Callable[[str], bytes]) -> None:
    longest = "a" * (MAX_BYTES - len("@b.example")) + "@b.example"
    assert named(kind(longest)).subject == longest
    for text in ("", f"a{longest}"):
        with pytest.raises(NotVerified, match="empty or longer"):
            named(kind(text))


@pytest.mark.parametrize("generation", [OLD_EXTENSIONS, NEW_EXTENSIONS])
def test_one_generation_alone_is_enough(generation: Mapping[int, str]) -> None:
    assert read(generation).issuer == ISSUER


@pytest.mark.case("SIGN-014")
@pytest.mark.parametrize(
    ("number", "value"),
    [
        (1, "https://evil.example"),
        (8, f"{ISSUER}/"),
        (2, "pull_request"),
        (3, "00" * 20),
        (5, "evil/shop"),
        (5, "shop"),
        (5, "acme/shop/"),
        (6, "refs/heads/main"),
        (12, "https://github.com/evil/acme/shop"),
        (12, "acme/shop"),
        (1, ""),
    ],
)
def test_generations_that_disagree_are_refused(number: int, value: str) -> None:
    with pytest.raises(NotVerified, match="contradicts itself"):
        read({**BOTH, number: value})


@pytest.mark.parametrize("given", [{}, {8: ""}, {2: "push"}])
def test_without_an_issuer_nobody_is_named(given: dict[int, str | bytes]) -> None:
    with pytest.raises(NotVerified, match="issuer"):
        read(given)


def test_an_extension_that_is_absent_is_unknown() -> None:
    extensions = read({8: ISSUER, 12: ""}).extensions
    assert (extensions.source_repository_uri, extensions.build_trigger) == ("", None)


@pytest.mark.case("PARSE-012")
@pytest.mark.parametrize(
    "raw",
    [
        ISSUER.encode(),
        utf8(ISSUER) + b"\x00",
        element(0x13, ISSUER.encode()),
        b"\x0c\x02\xff\xfe",
        b"\x0c\x80" + ISSUER.encode() + b"\x00\x00",
        b"",
    ],
    ids=["raw", "trailing", "printable-string", "not-utf8", "indefinite", "empty"],
)
def test_a_new_extension_is_a_der_utf8_string_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read({8: raw})


def test_an_old_extension_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        read({1: b"\xff"})


def test_an_extension_of_absurd_length_is_refused() -> None:
    with pytest.raises(NotVerified, match="longer than"):
        read({8: ISSUER, 12: "x" * 9000})


@pytest.mark.case("IDENT-005")
@pytest.mark.case("IDENT-011")
@pytest.mark.parametrize("issuer", [f"{ISSUER}\n", f"{ISSUER}\x00", "https://\u0430cme.example"])
def test_texts_are_taken_as_they_stand(issuer: str) -> None:
    assert read({8: issuer}).issuer == issuer
