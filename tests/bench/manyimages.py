"""The demo's stage with many images that are all in order, and a namespace that is known, as in a cluster."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.demo.certificates import issue_server_identity
from controller.demo.folder import SAMPLE_MIRROR, DemoFolder
from controller.demo.images import SampleImage, attach, build_image
from controller.demo.registry import Pulls, serve_registry
from controller.demo.samples import REPOSITORY, SampleKeys
from controller.demo.signing import render_bundle
from controller.demo.statements import Origin, provenance
from controller.demo.webhook import Webhook, run_webhook, serve_command

IMAGES = 1000
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A running webhook, and references of images that its policies admit."""

    folder: DemoFolder
    webhook: Webhook
    images: tuple[str, ...]


@asynccontextmanager
async def set_stage(
    folder: DemoFolder, *, images: int = IMAGES, besides: Iterable[Mapping[str, Any]] = ()
) -> AsyncIterator[Stage]:
    """So many images, and these policies besides those that are about them."""
    keys = SampleKeys.generate()
    samples = {str(number): _attested(str(number), keys) for number in range(images)}
    async with serve_registry(Pulls.of(REPOSITORY, samples, {})) as registry:
        folder.write_policies(keys.trusted(), registry=registry, mirror=SAMPLE_MIRROR)
        for number, document in enumerate((NAMESPACE, *besides)):
            (folder.policies / f"besides-{number}.json").write_text(json.dumps(document))
        folder.write_identity(issue_server_identity(datetime.now(UTC)))
        async with run_webhook(serve_command(folder), folder) as webhook:
            names = tuple(f"{registry}/{REPOSITORY}@{image.digest}" for image in samples.values())
            yield Stage(folder=folder, webhook=webhook, images=names)


def _attested(label: str, keys: SampleKeys) -> SampleImage:
    image = build_image(label)
    return attach(image, [render_bundle(provenance(image.digest, Origin()), keys.platform)])
