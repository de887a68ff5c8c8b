"""`navicert verify-bundle`: one Sigstore bundle about one artifact, offline."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from controller.cli.options import FILE
from controller.cli.output import TEXT_OR_JSON, Format, Screen
from controller.core.errors import MalformedDocument, MalformedReference, NotVerified
from controller.core.image import Digest
from controller.core.signer import CertificateSigner, KeySigner
from controller.core.text import printable
from controller.trust.artifact import Artifact, Identity, OtherInstance, VerifiedBundle
from controller.trust.artifact import verify_bundle as verify
from controller.trust.keys import PublicKey, parse_public_key
from controller.trust.root import SigstoreMaterial, compile_sigstore, public_good
from controller.wire.strictjson import MAX_BYTES
from controller.wire.trustedroot import parse_trusted_root

REFUSED, MALFORMED = 1, 2

_HEX = re.compile(r"(?:sha256:)?[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_T = TypeVar("_T")


@click.command("verify-bundle")
@click.option("--bundle", type=FILE, required=True, help="The Sigstore bundle.")
@click.option("--certificate-identity", metavar="I", help="Who must have signed: the certificate's whole subject.")
@click.option("--certificate-oidc-issuer", metavar="U", help="Who must have identified the signer: the whole issuer.")
@click.option("--key", type=FILE, help="The public key that must have signed, PEM.")
@click.option("--trusted-root", type=FILE, help="A Sigstore trusted_root.json; default: the public-good instance's.")
@click.option(
    "--output",
    type=click.Choice(TEXT_OR_JSON),
    default=Format.TEXT.value,
    show_default=True,
    help="How to answer.",
)
@click.argument("artifact", metavar="FILE_OR_DIGEST")
def verify_bundle(**options: Any) -> int:
    """Verify one Sigstore bundle about one artifact: a file, or sha256: and its digest. Makes no connection.

    Name either --certificate-identity with --certificate-oidc-issuer, or --key. A key needs no log entry, but one
    that is there must hold.
    """
    by, artifact, sigstore = _signer(options), _artifact(options["artifact"]), _sigstore(options["trusted_root"])
    told = partial(_tell, Screen.over(sys.stdout, sys.stderr), artifact, as_json=options["output"] == Format.JSON.value)

    def verified(bundle: bytes) -> VerifiedBundle:
        return verify(bundle, artifact=artifact, by=by, sigstore=sigstore, now=datetime.now(UTC))

    try:
        found = _parsed(options["bundle"], verified)
    except MalformedDocument as error:
        if options["output"] == Format.TEXT.value:
            raise
        return told(str(error), status=MALFORMED)
    except NotVerified as error:
        return told(f"{error}{_hint(error, options['trusted_root'])}", status=REFUSED)
    return told(found, status=0)


def _tell(screen: Screen, artifact: Artifact, found: VerifiedBundle | str, *, as_json: bool, status: int) -> int:
    """Tell what was found, or why nothing was, and give the exit code."""
    match found:
        case VerifiedBundle() if as_json:
            screen.document(_document(found, artifact))
        case VerifiedBundle():
            screen.line(_sentence(found, artifact))
        case message if as_json:
            screen.document({"verified": False, "artifact": str(artifact.digest), "message": message})
        case message:
            screen.problem(f"not verified: {message}")
    return status


def _hint(error: NotVerified, trusted_root: Path | None) -> str:
    if trusted_root is not None or not isinstance(error, OtherInstance):
        return ""
    return " (believed is the public-good instance: --trusted-root names another)"


def _signer(options: dict[str, Any]) -> Identity | PublicKey:
    identity, issuer, key = (options[name] for name in ("certificate_identity", "certificate_oidc_issuer", "key"))
    if key is not None and identity is None and issuer is None:
        return _parsed(key, lambda content: parse_public_key(content.decode("ascii", "replace")))
    if key is None and identity and issuer:
        return Identity(issuer=issuer, subject=identity)
    raise click.UsageError("give either --key, or both --certificate-identity and --certificate-oidc-issuer")


def _artifact(text: str) -> Artifact:
    if text.startswith("sha256:"):
        try:
            return Artifact(digest=Digest.parse(text))
        except MalformedReference as error:
            raise click.UsageError(str(error)) from error
    if _HEX.fullmatch(text) and not Path(text).exists():
        digits = text.rpartition(":")[2].lower()
        raise click.UsageError(f"there is no such file, and a digest is written sha256:{digits}")
    return _parsed(Path(text), Artifact.of, limit=None)


def _sigstore(trusted_root: Path | None) -> SigstoreMaterial:
    if trusted_root is None:
        return public_good()
    return _parsed(trusted_root, lambda content: compile_sigstore(parse_trusted_root(content)))


def _parsed(file: Path, parse: Callable[[bytes], _T], *, limit: int | None = MAX_BYTES + 1) -> _T:
    """What `parse` makes of a file's bytes: of as many as parsers take, and one more by which they see that there is
    more. Raises MalformedDocument, whose message begins with the file's name."""
    try:
        with file.open("rb") as opened:
            content = opened.read(limit)
        return parse(content)
    except OSError as error:
        raise MalformedDocument(f"{file}: {printable(str(error.strerror))}") from error
    except MalformedDocument as error:
        raise MalformedDocument(f"{file}: {error}") from error


def _signer_document(signer: CertificateSigner | KeySigner) -> dict[str, str]:
    if isinstance(signer, KeySigner):
        return {"key": signer.key}
    return {"issuer": signer.issuer, "subject": signer.subject, "subjectType": signer.subject_type.value}


def _document(verified: VerifiedBundle, artifact: Artifact) -> dict[str, object]:
    return {
        "verified": True,
        "artifact": str(artifact.digest),
        "signer": _signer_document(verified.signing.signer),
        "times": [time.isoformat() for time in sorted(verified.signing.times)],
        "predicateType": verified.predicate_type,
    }


def _sentence(verified: VerifiedBundle, artifact: Artifact) -> str:
    signer, times = verified.signing.signer, verified.signing.times
    who = f"key {signer.key}" if isinstance(signer, KeySigner) else f"{signer.subject} ({signer.issuer})"
    when = f" at {min(times).isoformat()}" if times else ", at no time that is verified"
    what = f": {printable(verified.predicate_type)}" if verified.predicate_type is not None else ""
    return f"verified: {artifact.digest} is signed by {printable(who)}{when}{what}"
