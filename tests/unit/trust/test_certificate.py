"""Certificates: who was certified, by whom, when, and for what."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.signer import CertificateSigner, SubjectType
from controller.trust.certificate import refuse_anchors, verify_certificate
from controller.trust.leaf import load_leaf
from controller.trust.root import SigstoreMaterial, compile_sigstore
from controller.wire.trustedroot import parse_trusted_root
from tests.support.authority import IDENTITY, ISSUER, OLD_EXTENSIONS, Authority, Leaf, Submission
from tests.support.certificates import (
    ALGORITHMS,
    CERTIFICATE_SIGN,
    CODE_SIGNING,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    SERVER_AUTH,
    Span,
    alternative_names,
    basic_constraints,
    certificate,
    email,
    extended_key_usage,
    extension,
    fulcio,
    key_usage,
    name,
    other_name,
    uri,
)
from tests.support.der import element, explicit, indefinite, integer, oid, sequence, utf8
from tests.support.instance import LEAF_SPAN, SIGNED, SPAN, acme, authority_entry, rfc3339, stranger
from tests.support.signing import KeyKind, KeyPair

SECOND = timedelta(seconds=1)
CONTENT_COMMITMENT = 1
KEY = KeyPair("leaf")
ROOT_KEY = KeyPair("root acme fulcio", KeyKind.P384)
LEAF = Leaf(span=LEAF_SPAN)
MATERIAL = compile_sigstore(parse_trusted_root(json.dumps(acme().trusted_root())))


def issue(leaf: Leaf = LEAF, authority: Authority | None = None) -> bytes:
    return (authority or acme().authority).issue(leaf, KEY.spki, (Submission(log=acme().ct_log),))


def verify(
    leaf: bytes,
    *times: datetime,
    intermediates: tuple[bytes, ...] = (),
    material: SigstoreMaterial = MATERIAL,
    sct: bool = True,
) -> CertificateSigner:
    return verify_certificate(
        load_leaf(leaf),
        intermediates=intermediates,
        material=material,
        root_name="acme",
        times=times or (SIGNED,),
        sct=sct,
    )


def trusting(*authorities: object) -> SigstoreMaterial:
    """The material with other certificate authorities."""
    document = {**acme().trusted_root(), "certificateAuthorities": list(authorities)}
    return compile_sigstore(parse_trusted_root(json.dumps(document)))


def authority(*certificates: bytes, **window: str) -> dict[str, object]:
    return {**authority_entry("https://fulcio", *certificates), "validFor": {"start": rfc3339(SPAN.start), **window}}


def ca(
    subject: str,
    key: KeyPair,
    *,
    issuer: str = "acme fulcio root",
    by: KeyPair = ROOT_KEY,
    path_length: int | None = 0,
    span: Span = SPAN,
    extensions: tuple[bytes, ...] | None = None,
) -> bytes:
    """A CA's certificate by acme's root, unless somebody else signs."""
    given = (key_usage(CERTIFICATE_SIGN), basic_constraints(ca=True, path_length=path_length))
    return certificate(
        issuer=name(issuer),
        subject=name(subject),
        spki=key.spki,
        span=span,
        extensions=given if extensions is None else extensions,
        key=by,
    )


class Below:
    """A CA below acme's root that the trust root does not list, and leaves of its."""

    def __init__(self, **says: object) -> None:
        self.key = KeyPair("intermediate elsewhere", KeyKind.P384)
        self.der = ca("elsewhere", self.key, **says)  # type: ignore[arg-type]

    def leaf(self) -> bytes:
        issuer = Authority("unused", SPAN)
        issuer.key, issuer.name = self.key, name("elsewhere")
        return issue(authority=issuer)


class Weak(KeyPair):
    """A P-384 key that signs over another hash."""

    def __init__(self, name: str, weak: hashes.HashAlgorithm) -> None:
        super().__init__(name, KeyKind.P384)
        self.weak = weak

    def sign(self, message: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
        return super().sign(message, digest or self.weak)


class TestSigner:
    def test_says_whom_the_authority_certified(self) -> None:
        signer = verify(issue())
        assert (signer.trust_root, signer.issuer) == ("acme", ISSUER)
        assert (signer.subject_type, signer.subject) == (SubjectType.URI, IDENTITY)

    @pytest.mark.case("SIGN-020")
    @pytest.mark.parametrize(
        ("given", "kind"),
        [(uri, SubjectType.URI), (email, SubjectType.EMAIL), (other_name, SubjectType.OTHER_NAME)],
    )
    def test_says_of_what_kind_the_name_is(self, given: object, kind: SubjectType) -> None:
        signer = verify(issue(replace(LEAF, names=(given("same@acme.example"),))))  # type: ignore[operator]
        assert (signer.subject_type, signer.subject) == (kind, "same@acme.example")

    @pytest.mark.case("SIGN-021")
    @pytest.mark.parametrize("second", [uri("https://other"), email("dev@acme.example"), uri(IDENTITY)])
    def test_two_names_are_refused(self, second: bytes) -> None:
        with pytest.raises(NotVerified, match="exactly one name"):
            verify(issue(replace(LEAF, names=(uri(IDENTITY), second))))

    @pytest.mark.case("PARSE-011")
    @pytest.mark.parametrize("names", [None, ()])
    def test_no_name_is_refused(self, names: tuple[bytes, ...] | None) -> None:
        with pytest.raises(NotVerified):
            verify(issue(replace(LEAF, names=names)))

    @pytest.mark.case("PARSE-011")
    @pytest.mark.parametrize(
        "given",
        [
            element(0x82, b"acme.example"),  # a DNS name
            element(0x87, b"\x7f\x00\x00\x01"),  # an IP address
            explicit(0, oid("1.3.6.1.4.1.57264.1.6"), explicit(0, utf8("release-robot"))),  # OtherName of another kind
            uri(""),
            uri("x" * 9000),
            element(0x86, b"https://\xff"),
        ],
        ids=["dns", "ip", "other", "empty", "long", "not-ascii"],
    )
    def test_a_name_of_another_kind_is_refused(self, given: bytes) -> None:
        with pytest.raises(NotVerified):
            verify(issue(replace(LEAF, names=(given,))))


class TestUsage:
    @pytest.mark.case("SIGN-019")
    @pytest.mark.parametrize(
        ("leaf", "why"),
        [
            (replace(LEAF, ca=True), "authority"),
            (replace(LEAF, usages=None), "digital signatures"),
            (replace(LEAF, usages=(CONTENT_COMMITMENT,)), "digital signatures"),
            (replace(LEAF, purposes=None), "signing code"),
            (replace(LEAF, purposes=(SERVER_AUTH,)), "signing code"),
            (replace(LEAF, purposes=("2.5.29.37.0",)), "signing code"),
        ],
    )
    def test_a_leaf_that_may_not_sign_code_is_refused(self, leaf: Leaf, why: str) -> None:
        with pytest.raises(NotVerified, match=why):
            verify(issue(leaf))

    @pytest.mark.case("PARSE-011")
    @pytest.mark.parametrize(
        "extra",
        [
            extension("1.3.6.1.4.1.57264.99", b"\x05\x00", critical=True),
            extension("1.3.6.1.4.1.11129.2.4.3", b"\x05\x00", critical=True),  # a precertificate's poison
        ],
    )
    def test_an_unknown_critical_extension_is_refused(self, extra: bytes) -> None:
        with pytest.raises(NotVerified, match="critical"):
            verify(issue(replace(LEAF, extra=(extra,))), sct=False)

    @pytest.mark.case("PARSE-011")
    @pytest.mark.parametrize("extra", [fulcio(8, ISSUER), alternative_names(uri(IDENTITY)), key_usage(0)])
    def test_an_extension_twice_is_refused(self, extra: bytes) -> None:
        with pytest.raises(NotVerified, match="twice"):
            verify(issue(replace(LEAF, extra=(extra,))))

    @pytest.mark.case("PARSE-011")
    def test_an_unreadable_name_is_refused(self) -> None:
        broken = extension("2.5.29.17", b"\x30\x7fno", critical=True)
        with pytest.raises(NotVerified):
            verify(issue(replace(LEAF, names=None, extra=(broken,))))


class TestTimes:
    @pytest.mark.case("TIME-001")
    @pytest.mark.case("TIME-002")
    @pytest.mark.parametrize("time", [LEAF_SPAN.start, SIGNED, LEAF_SPAN.end])
    def test_the_window_of_the_leaf_is_closed_at_both_ends(self, time: datetime) -> None:
        assert verify(issue(), time).subject == IDENTITY

    @pytest.mark.case("TIME-002")
    @pytest.mark.case("TIME-027")
    @pytest.mark.parametrize("outside", [LEAF_SPAN.start - SECOND, LEAF_SPAN.end + SECOND])
    @pytest.mark.parametrize("inside", [(), (SIGNED,)])
    def test_one_time_outside_the_leaf_refuses(self, outside: datetime, inside: tuple[datetime, ...]) -> None:
        with pytest.raises(NotVerified, match="window of the certificate"):
            verify(issue(), *inside, outside)

    @pytest.mark.case("TIME-009")
    @pytest.mark.parametrize(
        "window",
        [
            {"end": rfc3339(SIGNED - SECOND)},
            {"start": rfc3339(SIGNED + SECOND)},
        ],
    )
    def test_a_time_outside_the_authority_refuses(self, window: dict[str, str]) -> None:
        issuer = acme().authority
        with pytest.raises(NotVerified, match="window of the certificate authority"):
            verify(issue(), material=trusting(authority(issuer.intermediate, issuer.root, **window)))

    @pytest.mark.case("TIME-009")
    @pytest.mark.parametrize("window", [{"end": rfc3339(SIGNED)}, {"start": rfc3339(SIGNED)}])
    def test_the_window_of_the_authority_is_closed_at_both_ends(self, window: dict[str, str]) -> None:
        issuer = acme().authority
        assert (
            verify(issue(), material=trusting(authority(issuer.intermediate, issuer.root, **window))).subject
            == IDENTITY
        )

    def test_each_time_may_lie_in_the_window_of_another_entry(self) -> None:
        chain = (acme().authority.intermediate, acme().authority.root)
        first, second = authority(*chain, end=rfc3339(SIGNED)), authority(*chain, start=rfc3339(SIGNED + SECOND))
        assert verify(issue(), SIGNED, SIGNED + SECOND, material=trusting(first, second)).subject == IDENTITY
        with pytest.raises(NotVerified):
            verify(issue(), SIGNED, SIGNED + SECOND, material=trusting(first))

    @pytest.mark.case("TIME-009")
    @pytest.mark.parametrize("edge", [Span(start=SPAN.start, end=SIGNED), Span(start=SIGNED, end=SPAN.end)])
    def test_the_window_of_an_intermediate_counts(self, edge: Span) -> None:
        issuer = acme().authority
        material = trusting(authority(issuer.certify(edge), issuer.root))
        assert verify(issue(), material=material).subject == IDENTITY
        with pytest.raises(NotVerified, match="a certificate of the authority"):
            verify(issue(), SIGNED, SIGNED + (SECOND if edge.end == SIGNED else -SECOND), material=material)

    def test_without_a_time_nothing_is_proven(self) -> None:
        with pytest.raises(ValueError, match="time"):
            verify_certificate(
                load_leaf(issue()), intermediates=(), material=MATERIAL, root_name="acme", times=(), sct=True
            )


class TestPath:
    @pytest.mark.case("SIGN-018")
    @pytest.mark.parametrize("seed", ["stranger", "namesake"])
    def test_a_leaf_of_another_authority_is_refused(self, seed: str) -> None:
        other = stranger().authority if seed == "stranger" else Authority("acme fulcio", SPAN, seed=" namesake")
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(issue(authority=other))

    @pytest.mark.case("SIGN-017")
    @pytest.mark.parametrize("seed", ["stranger", "namesake"])
    def test_certificates_beside_the_leaf_are_no_anchors(self, seed: str) -> None:
        other = stranger().authority if seed == "stranger" else Authority("acme fulcio", SPAN, seed=" namesake")
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(issue(authority=other), intermediates=(other.intermediate, other.root))

    @pytest.mark.case("SIGN-017")
    def test_a_leaf_beside_itself_is_no_anchor(self) -> None:
        alone = issue(authority=stranger().authority)
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(alone, intermediates=(alone,))

    def test_an_issuer_signs_in_its_own_name(self) -> None:
        """The key alone is not enough (RFC 5280, 6.1.3 a 4): the leaf names the certificate that the key is in."""
        namesake = Authority("acme fulcio", SPAN)
        namesake.name = name("somebody else")
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(issue(authority=namesake), sct=False)

    def test_an_authority_without_entries_certifies_nobody(self) -> None:
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(issue(), material=SigstoreMaterial(ct_logs=MATERIAL.ct_logs))

    def test_a_lone_root_that_issues_leaves_is_an_authority(self) -> None:
        key = KeyPair("lone", KeyKind.P384)
        root = ca("lone", key, issuer="lone", by=key)
        issuer = Authority("unused", SPAN)
        issuer.key, issuer.name = key, name("lone")
        assert verify(issue(authority=issuer), material=trusting(authority(root))).subject == IDENTITY

    def test_an_intermediate_may_be_the_anchor(self) -> None:
        assert verify(issue(), material=trusting(authority(acme().authority.intermediate))).subject == IDENTITY

    def test_an_intermediate_beside_the_leaf_helps_to_reach_the_root(self) -> None:
        below = Below()
        assert verify(below.leaf(), intermediates=(below.der,)).subject == IDENTITY
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(below.leaf())

    @pytest.mark.parametrize(
        "extensions",
        [
            (),
            (key_usage(CERTIFICATE_SIGN), basic_constraints(ca=False)),
            (key_usage(CRL_SIGN), basic_constraints(ca=True)),
            (key_usage(DIGITAL_SIGNATURE), basic_constraints(ca=True)),
            (key_usage(CERTIFICATE_SIGN), basic_constraints(ca=True), extended_key_usage(SERVER_AUTH)),
            (
                key_usage(CERTIFICATE_SIGN),
                basic_constraints(ca=True),
                extension("1.3.6.1.4.1.57264.99", b"\x05\x00", critical=True),
            ),
            (
                key_usage(CERTIFICATE_SIGN),
                basic_constraints(ca=True),
                extension("2.5.29.30", sequence(element(0xA0, sequence(element(0x86, b"acme.example"))))),
            ),
            (key_usage(CERTIFICATE_SIGN), basic_constraints(ca=True), basic_constraints(ca=True)),
        ],
        ids=["nothing", "no-ca", "revokes", "signs", "servers", "critical", "name-constraints", "twice"],
    )
    def test_an_intermediate_that_may_not_issue_code_signers_is_refused(self, extensions: tuple[bytes, ...]) -> None:
        below = Below(extensions=extensions)
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(below.leaf(), intermediates=(below.der,))

    def test_an_intermediate_that_limits_itself_to_code_is_fine(self) -> None:
        usages = (key_usage(CERTIFICATE_SIGN), basic_constraints(ca=True), extended_key_usage(CODE_SIGNING))
        below = Below(extensions=usages)
        assert verify(below.leaf(), intermediates=(below.der,)).subject == IDENTITY

    def test_an_expired_intermediate_beside_the_leaf_is_refused(self) -> None:
        below = Below(span=Span(start=SPAN.start, end=SIGNED - SECOND))
        with pytest.raises(NotVerified, match="a certificate of the authority"):
            verify(below.leaf(), intermediates=(below.der,))

    @pytest.mark.parametrize(("allowed", "fits"), [(0, False), (1, True), (None, True)])
    def test_path_lengths_are_kept(self, allowed: int | None, fits: bool) -> None:  # noqa: FBT001 - a parameter
        middle = KeyPair("middle", KeyKind.P384)
        root = ca("deep root", ROOT_KEY, issuer="deep root", path_length=2)
        upper = ca("middle", middle, issuer="deep root", path_length=allowed)
        below = Below(issuer="middle", by=middle)
        material = trusting(authority(root))
        if fits:
            assert verify(below.leaf(), intermediates=(upper, below.der), material=material).subject == IDENTITY
        else:
            with pytest.raises(NotVerified, match="no certificate authority"):
                verify(below.leaf(), intermediates=(upper, below.der), material=material)

    @pytest.mark.case("KEY-006")
    @pytest.mark.parametrize(
        ("algorithm", "digest"), [("1.2.840.10045.4.1", hashes.SHA1()), ("1.2.840.10045.4.3.1", hashes.SHA224())]
    )
    def test_a_certificate_signed_over_another_hash_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, algorithm: str, digest: hashes.HashAlgorithm
    ) -> None:
        issuer = acme().authority
        material = trusting(authority(issuer.intermediate))
        genuine = Authority("acme fulcio", SPAN)
        genuine.key = Weak("intermediate acme fulcio", digest)
        monkeypatch.setitem(ALGORITHMS, KeyKind.P384, algorithm)
        with pytest.raises(NotVerified, match="no certificate authority"):
            verify(issue(authority=genuine), material=material)

    @pytest.mark.case("PARSE-007")
    def test_a_path_has_at_most_ten_certificates(self) -> None:
        keys = [ROOT_KEY, *(KeyPair(f"rung {number}") for number in range(9))]
        names = ["ladder", *(f"rung {number}" for number in range(9))]
        root = ca("ladder", ROOT_KEY, issuer="ladder", path_length=None)
        rungs = [
            ca(names[at], keys[at], issuer=names[at - 1], by=keys[at - 1], path_length=None) for at in range(1, 10)
        ]
        for depth, fits in ((8, True), (9, False)):
            issuer = Authority("unused", SPAN)
            issuer.key, issuer.name = keys[depth], name(names[depth])
            leaf, material = issue(authority=issuer), trusting(authority(root))
            if fits:
                assert verify(leaf, intermediates=tuple(rungs), material=material).subject == IDENTITY
            else:
                with pytest.raises(NotVerified, match="no certificate authority"):
                    verify(leaf, intermediates=tuple(rungs), material=material)

    @pytest.mark.case("PARSE-007")
    def test_more_than_ten_certificates_beside_the_leaf_are_refused(self) -> None:
        with pytest.raises(NotVerified, match="more than 10"):
            verify(issue(), intermediates=(acme().authority.intermediate,) * 11)

    def test_a_chain_that_holds_a_root_is_no_chain_of_a_bundle(self) -> None:
        refuse_anchors((acme().authority.intermediate,))
        with pytest.raises(NotVerified, match="holds a root"):
            refuse_anchors((acme().authority.intermediate, acme().authority.root))


class TestBytes:
    @pytest.mark.case("TYPE-021")
    def test_a_bare_key_is_no_certificate(self) -> None:
        with pytest.raises(MalformedAttestation):
            verify(KEY.spki)

    @pytest.mark.case("PARSE-012")
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda der: der + b"\x00",
            indefinite,
            lambda der: der[:-1],
            lambda _: b"",
            lambda _: sequence(sequence(element(0xA0, integer(2)), element(0x02, b"\x01" * (10 << 20)))),
        ],
        ids=["trailing", "indefinite", "cut", "empty", "huge"],
    )
    def test_bytes_that_are_no_certificate_are_malformed(self, spoil: object) -> None:
        spoilt = spoil(issue())  # type: ignore[operator]
        with pytest.raises(MalformedAttestation):
            verify(spoilt)
        with pytest.raises(MalformedAttestation):
            verify(issue(), intermediates=(spoilt,))

    @pytest.mark.case("PARSE-012")
    def test_a_certificate_of_absurd_size_is_malformed(self) -> None:
        with pytest.raises(MalformedAttestation, match="64 KiB"):
            verify(issue(replace(LEAF, extra=(extension("1.3.6.1.4.1.57264.99", b"\x04" * 70_000),))))

    @pytest.mark.case("PARSE-012")
    def test_unused_bits_of_the_signature_are_malformed(self) -> None:
        """They can be set where the signature's last bit is zero, and the signature stays what it was."""
        many = (issue(replace(LEAF, extra=(fulcio(99, str(number)),))) for number in range(64))
        genuine = next(one for one in many if one[-1] % 2 == 0)
        place = genuine.rindex(b"\x00\x30", 0, -90)
        with pytest.raises(MalformedAttestation, match="DER"):
            verify(genuine[:place] + b"\x01" + genuine[place + 1 :])

    def test_what_the_library_warns_of_is_malformed_where_warnings_are_errors(self) -> None:
        """A negative serial number."""
        genuine = issue()
        place = genuine.index(b"\xa0\x03\x02\x01\x02\x02") + 7
        with pytest.raises(MalformedAttestation):
            verify(genuine[:place] + b"\x80" + genuine[place + 1 :])

    @pytest.mark.case("SIGN-006")
    def test_a_flipped_bit_anywhere_is_refused(self) -> None:
        genuine = issue()
        for place in range(0, len(genuine), 7):
            flipped = bytearray(genuine)
            flipped[place] ^= 0x10
            with pytest.raises((NotVerified, MalformedAttestation)):
                verify(bytes(flipped))

    def test_a_first_version_certificate_has_nothing_to_show(self) -> None:
        tbs = sequence(integer(1), element(0x30), name("x"))
        with pytest.raises(MalformedAttestation):
            verify(sequence(tbs, element(0x30), element(0x03, b"\x00")))


def test_early_certificates_carry_the_first_generation_alone() -> None:
    signer = verify(issue(replace(LEAF, fulcio=dict(OLD_EXTENSIONS))))
    assert signer.issuer == ISSUER
    assert signer.extensions.workflow_repository == "acme/shop"
    assert signer.extensions.source_repository_uri is None


def test_an_expired_certificate_is_never_held_against_the_present() -> None:
    """Nothing passes a present in; what is long past stays verified."""
    past = Span(start=datetime(2024, 2, 1, tzinfo=UTC), end=datetime(2024, 2, 1, 0, 10, tzinfo=UTC))
    assert verify(issue(replace(LEAF, span=past)), past.start).subject == IDENTITY
