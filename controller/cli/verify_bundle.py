"""`navicert verify-bundle`: one Sigstore bundle about one artifact, offline."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from controller.cli.output import TEXT_OR_JSON, Format, Screen
from controller.core.errors import MalformedDocument, MalformedReference, NotVerified
from controller.core.image import Digest
from controller.core.signer import CertificateSigner, KeySigner
from controller.core.text import printable
from controller.trust.artifact import Artifact, Identity, VerifiedBundle
from controller.trust.artifact import verify_bundle as verify
from controller.trust.keys import PublicKey, parse_public_key
from controller.trust.root import SigstoreMaterial, compile_sigstore, public_good
from controller.wire.strictjson import MAX_BYTES
from controller.wire.trustedroot import parse_trusted_root

REFUSED = 1

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify-bundle")
@click.option("--bundle", type=_FILE, required=True, help="The Sigstore bundle.")
@click.option("--certificate-identity", metavar="I", help="Who must have signed: the certificate's whole subject.")
@click.option("--certificate-oidc-issuer", metavar="U", help="Who must have identified the signer: the whole issuer.")
@click.option("--key", type=_FILE, help="The public key that must have signed, PEM.")
@click.option("--trusted-root", type=_FILE, help="A Sigstore trusted_root.json; default: the public-good instance's.")
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
    by = _signer(options)
    bundle, artifact, sigstore = _begun(options["bundle"]), _artifact(options["artifact"]), _sigstore(options)
    screen = Screen.over(sys.stdout, sys.stderr)
    as_json = Format(options["output"]) is Format.JSON
    try:
        verified = verify(bundle, artifact=artifact, by=by, sigstore=sigstore, now=datetime.now(UTC))
    except NotVerified as error:
        if as_json:
            screen.document({"verified": False, "artifact": str(artifact.digest), "message": str(error)})
        else:
            screen.problem(f"not verified: {error}")
        return REFUSED
    if as_json:
        screen.document(_document(verified, artifact))
    else:
        screen.line(_sentence(verified, artifact))
    return 0


def _signer(options: dict[str, Any]) -> Identity | PublicKey:
    identity, issuer, key = (options[name] for name in ("certificate_identity", "certificate_oidc_issuer", "key"))
    if key is not None and identity is None and issuer is None:
        return parse_public_key(_begun(key).decode("ascii", "replace"))
    if key is None and identity and issuer:
        return Identity(issuer=issuer, subject=identity)
    raise click.UsageError("give either --key, or both --certificate-identity and --certificate-oidc-issuer")


def _artifact(text: str) -> Artifact:
    if text.startswith("sha256:"):
        try:
            return Artifact(digest=Digest.parse(text))
        except MalformedReference as error:
            raise click.UsageError(str(error)) from error
    return Artifact.of(_read(Path(text)))


def _sigstore(options: dict[str, Any]) -> SigstoreMaterial:
    if options["trusted_root"] is None:
        return public_good()
    return compile_sigstore(parse_trusted_root(_begun(options["trusted_root"])))


def _begun(file: Path) -> bytes:
    """What parsers take, and a byte more by which they see that there is more."""
    return _read(file, limit=MAX_BYTES + 1)


def _read(file: Path, *, limit: int | None = None) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(limit)
    except OSError as error:
        raise MalformedDocument(f"{file}: {printable(str(error.strerror))}") from error


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
