"""`navicert capture`: an image's evidence, frozen as an OCI layout."""

import asyncio
import sys
from pathlib import Path

import click

from controller.cli.credentials import user_credentials
from controller.cli.files import read_registries
from controller.cli.options import user_registry_options
from controller.cli.output import Screen
from controller.core.errors import MalformedManifest, RegistryUnavailable
from controller.core.image import ImageReference, Repository
from controller.engine.capture import Captured, Tell
from controller.engine.capture import capture as freeze
from controller.registry.client import RegistryClient
from controller.registry.layoutwriting import LayoutWriter, new_layout
from controller.wire.registries import Registries

ABSENT = 1

_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--output", type=_NEW_FOLDER, required=True, help="The folder to write: new, or empty.")
@user_registry_options
@click.argument("image")
def capture(
    *, output: Path, registries: Path | None, credentials: Path | None, credential_programs: Path | None, image: str
) -> int:
    """Freeze an image's evidence as an OCI layout, for policy tests and for judging it offline.

    Holds the image's manifest, those of its platforms and everything attached to them, and no layer of the image. The
    folder appears when everything is there. Exit code 1 when there is no such image.
    """
    reference = ImageReference.parse(image)
    known = read_registries(registries) if registries else Registries()
    shown = user_credentials(credentials, credential_programs)
    screen = Screen.over(sys.stdout, sys.stderr)
    with screen.progress(f"capturing {reference}") as tell, new_layout(output.absolute()) as layout:
        client = RegistryClient(known, named_hosts=frozenset, credentials=shown)
        elsewhere = known.evidence_repository(reference.repository)
        captured = asyncio.run(_captured(client, reference, elsewhere, layout, tell))
    if captured is None:
        screen.problem(f"{reference}: the registry says there is no such image")
        return ABSENT
    what = "document" if captured.documents == 1 else "documents"
    screen.line(f"{captured.digest}: {captured.documents} {what} of evidence in {output}")
    return 0


async def _captured(
    registry: RegistryClient, reference: ImageReference, elsewhere: Repository | None, layout: LayoutWriter, tell: Tell
) -> Captured | None:
    """What a registry answers is no malformed input of the user's: nonsense is ignorance here."""
    async with registry as client:
        try:
            return await freeze(client, reference, layout, evidence_repository=elsewhere, tell=tell)
        except MalformedManifest as error:
            raise RegistryUnavailable(str(error)) from error
