"""Public keys: which texts are one, and which signatures are theirs."""

import hashlib
import traceback
from base64 import encodebytes
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, padding, rsa

from controller.core.errors import MalformedAttestation, MalformedDocument, NotVerified
from controller.trust.keys import parse_public_key, public_key_of_der, verifying_key_of
from controller.trust.leaf import load_leaf
from controller.trust.verifying import Algorithm
from tests.support.authority import Leaf
from tests.support.defects import Defect, forge_signature
from tests.support.der import bits, oid, sequence
from tests.support.foundry import SigningKey
from tests.support.instance import LEAF_SPAN, acme
from tests.support.pki import Authority
from tests.support.signing import KeyKind, KeyPair

MESSAGE = b"what was signed"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey()


def refusal(pem: str) -> str:
    with pytest.raises(MalformedDocument) as refused:
        parse_public_key(pem)
    return "".join(traceback.format_exception(refused.value))


def test_a_signature_by_the_key_verifies(key: SigningKey) -> None:
    parse_public_key(key.pem).verify(key.sign(MESSAGE), MESSAGE)


def test_another_message_does_not_verify(key: SigningKey) -> None:
    with pytest.raises(NotVerified):
        parse_public_key(key.pem).verify(key.sign(MESSAGE), MESSAGE + b".")


def test_another_key_does_not_verify(key: SigningKey) -> None:
    with pytest.raises(NotVerified):
        parse_public_key(SigningKey().pem).verify(key.sign(MESSAGE), MESSAGE)


@pytest.mark.case("KEY-004")
def test_a_raw_signature_is_refused(key: SigningKey) -> None:
    with pytest.raises(NotVerified, match="not DER"):
        parse_public_key(key.pem).verify(forge_signature(Defect.SIGNATURE_RAW, key.sign(MESSAGE)), MESSAGE)


@pytest.mark.case("KEY-005")
@pytest.mark.parametrize(
    "defect",
    [
        Defect.SIGNATURE_EMPTY,
        Defect.SIGNATURE_TRAILING_BYTE,
        Defect.SIGNATURE_LONG_LENGTH,
        Defect.SIGNATURE_PADDED_INTEGER,
        Defect.SIGNATURE_ZERO,
        Defect.SIGNATURE_NEGATIVE,
    ],
)
def test_only_the_canonical_spelling_of_a_signature_is_accepted(key: SigningKey, defect: Defect) -> None:
    with pytest.raises(NotVerified, match=r"DER|too long"):
        parse_public_key(key.pem).verify(forge_signature(defect, key.sign(MESSAGE)), MESSAGE)


def test_an_oversize_signature_is_refused_before_it_is_parsed(key: SigningKey) -> None:
    with pytest.raises(NotVerified, match="too long"):
        parse_public_key(key.pem).verify(b"\x30" * 10_000_000, MESSAGE)


@pytest.mark.case("KEY-009")
@pytest.mark.parametrize("around", ["{}", "{}\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_private_key_is_named_as_such_and_appears_nowhere(key: SigningKey, around: str) -> None:
    told = refusal(around.format(key.private_pem))
    assert "private key" in told
    assert not any(line in told for line in key.private_pem.splitlines()[1:-1])


@pytest.mark.case("KEY-009")
def test_a_mangled_private_key_appears_nowhere(key: SigningKey) -> None:
    """Without its first line nothing calls it private any more."""
    body = key.private_pem.splitlines()[1:-1]
    told = refusal("\n".join(["-----BEGIN PUBLIC KEY-----", *body, "-----END PUBLIC KEY-----"]))
    assert not any(line in told for line in body)


@pytest.mark.case("KEY-015")
@pytest.mark.parametrize(
    "shape",
    [
        "{0}{0}",
        "{0}{1}",
        "{1}",
        "junk\n{0}",
        "{0}junk",
        "",
        "   \n",
        "{0}\N{NO-BREAK SPACE}",
        "\N{ZERO WIDTH SPACE}{0}",
    ],
)
def test_anything_but_one_block_is_refused(key: SigningKey, shape: str) -> None:
    certificate = Authority().server("localhost").certificate.decode() if "{1}" in shape else ""
    with pytest.raises(MalformedDocument, match="PUBLIC KEY"):
        parse_public_key(shape.format(key.pem, certificate))


@pytest.mark.parametrize("shape", ["\n\n{0}", "{0}\n\t \n", "{0}"])
def test_white_space_around_the_block_is_nothing(key: SigningKey, shape: str) -> None:
    assert parse_public_key(shape.format(key.pem)) == parse_public_key(key.pem)


def test_line_ends_do_not_matter(key: SigningKey) -> None:
    assert parse_public_key(key.pem.replace("\n", "\r\n")) == parse_public_key(key.pem)


def test_a_text_far_too_long_is_refused(key: SigningKey) -> None:
    refusal(key.pem + " " * 20_000)


@pytest.mark.parametrize("body", ["AAAA", "A", "====", "MFkw\nEwYH"])
def test_a_block_that_holds_no_key_is_refused(body: str) -> None:
    refusal(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")


@pytest.mark.parametrize(
    "private",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP224R1()),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(1024),
    ],
    ids=["rsa-1024", "k256", "p224", "ed448", "dsa"],
)
@pytest.mark.case("KEY-006")
def test_other_kinds_of_keys_are_refused(private: rsa.RSAPrivateKey) -> None:
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    told = refusal(public.decode())
    assert "not accepted" in told or "holds no public key" in told


def test_equality_is_by_fingerprint(key: SigningKey) -> None:
    first, second = parse_public_key(key.pem), parse_public_key(key.pem)
    assert first == second
    assert len({first, second, parse_public_key(SigningKey().pem)}) == 2


def test_the_fingerprint_is_of_the_subject_public_key_info() -> None:
    pem = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""
    # The generator of P-256 (SP 800-186, 3.2.1.3) as a key; the hash is openssl's and sha256sum's.
    assert parse_public_key(pem).fingerprint == (
        "sha256:5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3"
    )


def test_a_compressed_point_is_the_same_key(key: SigningKey) -> None:
    loaded = serialization.load_pem_public_key(key.pem.encode())
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    point = loaded.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    body = algorithm + b"\x03" + bytes([len(point) + 1]) + b"\x00" + point
    der = b"\x30" + bytes([len(body)]) + body
    pem = f"-----BEGIN PUBLIC KEY-----\n{encodebytes(der).decode()}-----END PUBLIC KEY-----\n"
    assert parse_public_key(pem) == parse_public_key(key.pem)


KINDS = list(KeyKind)
EC_KINDS = [KeyKind.P256, KeyKind.P384, KeyKind.P521]
HASHES = [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]


# Every kind that hashes, with every hash that is not its algorithm's.
FOREIGN = [
    pytest.param(kind, digest, id=f"{kind.name}-{digest.name}")
    for kind in KINDS
    for digest in (hashes.SHA1(), *HASHES)
    if kind is not KeyKind.ED25519 and digest.name != KeyPair("ours", kind).digest.name
]


def pair(kind: KeyKind) -> KeyPair:
    return KeyPair("ours", kind)


class TestKinds:
    @pytest.mark.case("KEY-007")
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_kind_verifies_what_it_signed(self, kind: KeyKind) -> None:
        public = parse_public_key(pair(kind).pem.decode())
        public.verify(pair(kind).sign(MESSAGE), MESSAGE)
        assert Algorithm[kind.value] in public.algorithms

    @pytest.mark.case("KEY-007")
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_kind_refuses_another_message_and_another_key(self, kind: KeyKind) -> None:
        public = parse_public_key(pair(kind).pem.decode())
        with pytest.raises(NotVerified):
            public.verify(pair(kind).sign(MESSAGE), MESSAGE + b".")
        with pytest.raises(NotVerified):
            public.verify(KeyPair("other", kind).sign(MESSAGE), MESSAGE)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("signature", [b"", b"\x00", b"\x30\x00", b"\xff" * 64, b"\x00" * 1024, b"\x30" * 10_000])
    def test_each_kind_refuses_bytes_that_are_no_signature(self, kind: KeyKind, signature: bytes) -> None:
        with pytest.raises(NotVerified):
            parse_public_key(pair(kind).pem.decode()).verify(signature, MESSAGE)

    @pytest.mark.case("KEY-004")
    @pytest.mark.parametrize("kind", EC_KINDS)
    def test_a_raw_signature_of_any_curve_is_refused(self, kind: KeyKind) -> None:
        with pytest.raises(NotVerified):
            parse_public_key(pair(kind).pem.decode()).verify(pair(kind).sign_raw(MESSAGE), MESSAGE)

    @pytest.mark.case("KEY-005")
    @pytest.mark.parametrize("kind", EC_KINDS)
    def test_trailing_bytes_are_refused_on_any_curve(self, kind: KeyKind) -> None:
        with pytest.raises(NotVerified):
            parse_public_key(pair(kind).pem.decode()).verify(pair(kind).sign(MESSAGE) + b"\x00", MESSAGE)

    @pytest.mark.case("KEY-008")
    @pytest.mark.parametrize(("kind", "digest"), FOREIGN)
    def test_another_hash_than_the_algorithm_s_is_refused(self, kind: KeyKind, digest: hashes.HashAlgorithm) -> None:
        with pytest.raises(NotVerified):
            parse_public_key(pair(kind).pem.decode()).verify(pair(kind).sign(MESSAGE, digest), MESSAGE)

    def test_an_rsa_key_takes_both_paddings_and_names_the_usual_one_first(self) -> None:
        public = parse_public_key(pair(KeyKind.RSA_3072).pem.decode())
        assert public.algorithms == (Algorithm.PKIX_RSA_PKCS1V15_3072_SHA256, Algorithm.PKIX_RSA_PSS_3072_SHA256)
        assert public.algorithm is Algorithm.PKIX_RSA_PKCS1V15_3072_SHA256

    @pytest.mark.parametrize("salt", [0, 32, padding.PSS.MAX_LENGTH])
    def test_pss_takes_salts_of_any_length(self, salt: int) -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        spki = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        signature = private.sign(MESSAGE, scheme, hashes.SHA256())
        public_key_of_der(spki, Algorithm.PKIX_RSA_PSS_2048_SHA256).verify(signature, MESSAGE)


class TestAlgorithm:
    @pytest.mark.case("KEY-008")
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_key_of_a_given_algorithm_takes_that_alone(self, kind: KeyKind) -> None:
        public = public_key_of_der(pair(kind).spki, Algorithm[kind.value])
        public.verify(pair(kind).sign(MESSAGE), MESSAGE)
        assert public.algorithms == (Algorithm[kind.value],)

    @pytest.mark.case("KEY-008")
    def test_the_padding_is_bound(self) -> None:
        key = pair(KeyKind.RSA_2048)
        with pytest.raises(NotVerified):
            public_key_of_der(key.spki, Algorithm.PKIX_RSA_PSS_2048_SHA256).verify(key.sign(MESSAGE), MESSAGE)

    @pytest.mark.case("KEY-008")
    @pytest.mark.parametrize("kind", [KeyKind.P384, KeyKind.P521])
    def test_the_hash_is_bound(self, kind: KeyKind) -> None:
        key, algorithm = pair(kind), Algorithm[kind.value.rpartition("SHA")[0] + "SHA_256"]
        public = public_key_of_der(key.spki, algorithm)
        public.verify(key.sign(MESSAGE, hashes.SHA256()), MESSAGE)
        with pytest.raises(NotVerified):
            public.verify(key.sign(MESSAGE), MESSAGE)

    @pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.ED25519, KeyKind.RSA_3072])
    def test_an_algorithm_that_does_not_fit_the_key_is_refused(self, kind: KeyKind) -> None:
        fitting = {kind.value, kind.value.replace("384_SHA_384", "384_SHA_256")}
        if kind is KeyKind.RSA_3072:
            fitting |= {other.value for other in KINDS if other.value.endswith(("2048_SHA256", "3072_SHA256"))}
        for algorithm in Algorithm:
            if algorithm.name not in fitting:
                with pytest.raises(MalformedDocument, match="not one for"):
                    public_key_of_der(pair(kind).spki, algorithm)


class TestDigest:
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not KeyKind.ED25519])
    def test_a_digest_by_the_algorithm_s_hash_verifies(self, kind: KeyKind) -> None:
        key = pair(kind)
        digest = hashlib.new(key.digest.name, MESSAGE).digest()
        parse_public_key(key.pem.decode()).verify_digest(key.sign(MESSAGE), digest)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("digest", [b"", b"\x00" * 20, b"\x00" * 32, b"\x00" * 48, b"\x00" * 64])
    def test_another_digest_does_not(self, kind: KeyKind, digest: bytes) -> None:
        with pytest.raises(NotVerified):
            parse_public_key(pair(kind).pem.decode()).verify_digest(pair(kind).sign(MESSAGE), digest)

    def test_ed25519_signs_messages_and_no_digests(self) -> None:
        key = pair(KeyKind.ED25519)
        for digest in (hashlib.sha256(MESSAGE).digest(), hashlib.sha512(MESSAGE).digest()):
            with pytest.raises(NotVerified):
                parse_public_key(key.pem.decode()).verify_digest(key.sign(digest), digest)


class TestDer:
    @pytest.mark.parametrize("kind", KINDS)
    def test_der_and_pem_are_the_same_key(self, kind: KeyKind) -> None:
        public = public_key_of_der(pair(kind).spki, None)
        assert public == parse_public_key(pair(kind).pem.decode())
        assert (public.spki, public.fingerprint) == (pair(kind).spki, f"sha256:{pair(kind).id.hex()}")

    def test_keys_with_other_algorithms_are_other_keys(self) -> None:
        spki = pair(KeyKind.RSA_2048).spki
        assert public_key_of_der(spki, None) != public_key_of_der(spki, Algorithm.PKIX_RSA_PSS_2048_SHA256)

    @pytest.mark.parametrize(
        "spoil", [lambda der: der + b"\x00", lambda der: der[:-1], lambda _: b""], ids=["trailing", "cut", "empty"]
    )
    def test_bytes_that_are_no_key_are_refused(self, spoil: Callable[[bytes], bytes]) -> None:
        with pytest.raises(MalformedDocument):
            public_key_of_der(spoil(pair(KeyKind.P256).spki), None)

    def test_a_key_bound_to_pss_parameters_of_its_own_is_refused(self) -> None:
        numbers = serialization.load_der_public_key(pair(KeyKind.RSA_2048).spki)
        pkcs1 = numbers.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        with pytest.raises(MalformedDocument, match="not accepted"):
            public_key_of_der(sequence(sequence(oid("1.2.840.113549.1.1.10")), bits(pkcs1)), None)


class TestCertificates:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_key_is_the_certificate_s(self, kind: KeyKind) -> None:
        der = acme().authority.issue(Leaf(span=LEAF_SPAN), pair(kind).spki, ())
        verifying_key_of(load_leaf(der).certificate).verify(pair(kind).sign(MESSAGE), MESSAGE)

    @pytest.mark.parametrize("kind", [KeyKind.P384, KeyKind.P521])
    def test_on_a_longer_curve_sha256_counts_too(self, kind: KeyKind) -> None:
        """Clients hashed so until 2024: nothing in a certificate tells, unlike in a key's entry (KEY-008)."""
        der = acme().authority.issue(Leaf(span=LEAF_SPAN), pair(kind).spki, ())
        verifying_key_of(load_leaf(der).certificate).verify(pair(kind).sign(MESSAGE, hashes.SHA256()), MESSAGE)

    @pytest.mark.parametrize(
        ("kind", "digest"),
        [
            (KeyKind.P256, hashes.SHA384()),
            (KeyKind.P384, hashes.SHA512()),
            (KeyKind.P384, hashes.SHA1()),
            (KeyKind.P521, hashes.SHA384()),
        ],
    )
    def test_no_other_hash_does(self, kind: KeyKind, digest: hashes.HashAlgorithm) -> None:
        der = acme().authority.issue(Leaf(span=LEAF_SPAN), pair(kind).spki, ())
        with pytest.raises(NotVerified):
            verifying_key_of(load_leaf(der).certificate).verify(pair(kind).sign(MESSAGE, digest), MESSAGE)

    @pytest.mark.case("TYPE-021")
    @pytest.mark.parametrize("content", [pair(KeyKind.P256).spki, pair(KeyKind.P256).pem, b"", b"\x30\x80"])
    def test_a_bare_key_is_no_certificate(self, content: bytes) -> None:
        with pytest.raises(MalformedAttestation):
            load_leaf(content)

    @pytest.mark.case("KEY-006")
    def test_a_certificate_for_a_weak_key_is_refused(self) -> None:
        weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
        spki = weak.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        der = acme().authority.issue(Leaf(span=LEAF_SPAN), spki, ())
        with pytest.raises(NotVerified, match="not accepted"):
            verifying_key_of(load_leaf(der).certificate)
