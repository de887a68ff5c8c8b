"""The certificate that the webhook itself serves with: from when and until when it is valid."""

from cryptography import x509

from controller.core.errors import MalformedDocument
from controller.core.window import Window


def serving_window(chain: bytes) -> Window:
    """The validity of the first certificate of a PEM chain, the server's own (RFC 5280, 4.1.2.5).

    Says nothing about who issued it, for which names, or to which key it belongs. Raises MalformedDocument.
    """
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        return Window(start=certificate.not_valid_before_utc, end=certificate.not_valid_after_utc)
    except (ValueError, IndexError) as error:
        raise MalformedDocument("no certificate in PEM") from error
