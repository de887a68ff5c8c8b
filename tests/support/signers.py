"""Narrowing a signer in tests."""

from controller.core.evidence import VerifiedStatement
from controller.core.signer import KeySigner


def key_of(statement: VerifiedStatement) -> KeySigner:
    """The key that signed this statement."""
    assert isinstance(statement.signer, KeySigner)
    return statement.signer
