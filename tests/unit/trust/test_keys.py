"""Public keys: which texts are one, and which signatures are theirs."""

import traceback
from base64 import encodebytes

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from controller.core.errors import MalformedDocument, NotVerified
from controller.trust.keys import parse_public_key
from tests.support.defects import Defect, forge_signature
from tests.support.foundry import SigningKey
from tests.support.pki import Authority

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
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP224R1()),
        ed25519.Ed25519PrivateKey.generate(),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(1024),
    ],
    ids=["rsa-1024", "rsa-2048", "p384", "k256", "p224", "ed25519", "ed448", "dsa"],
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
