"""A run of the demo: registry, webhook, reviews, and how each answer compares with the one that must be given."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.core.reasons import Reason
from controller.demo.certificates import issue_server_identity
from controller.demo.folder import DemoFolder
from controller.demo.images import SampleImage
from controller.demo.registry import Pulls, serve_registry, serve_silence
from controller.demo.reviews import Ruling, lines_of, read_decision, read_lines, render_review
from controller.demo.samples import REPOSITORY, TAG, TAGGED, SampleKeys, build_samples
from controller.demo.situations import FOREIGN_IMAGE, SILENT_IMAGE, SITUATIONS, TAG_IMAGE, Situation
from controller.demo.webhook import Webhook, run_webhook, serve_command

TIMEOUT_SECONDS = 10  # what the API server allows a webhook when nothing is configured
SILENT_TIMEOUT_SECONDS = 1  # so that nobody waits ten for the registry that never answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One situation with what was answered. `why` is fit to print; `reason` None means that none was told."""

    situation: Situation
    images: tuple[str, ...]
    review: Path
    ruling: Ruling
    reason: Reason | None
    why: str

    @property
    def as_expected(self) -> bool:
        """Whether this is the answer that must be given."""
        return self.ruling is self.situation.ruling and self.reason is self.situation.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs: the webhook, and where the images are."""

    folder: DemoFolder
    webhook: Webhook
    registry: str
    silent: str
    samples: Mapping[str, SampleImage]

    def reference(self, image: str) -> str:
        """The image reference that a situation means."""
        if image == FOREIGN_IMAGE:
            return image
        if image == TAG_IMAGE:
            return f"{self.registry}/{REPOSITORY}:{TAG}"
        if image == SILENT_IMAGE:
            return f"{self.silent}/{REPOSITORY}@{self.samples[TAGGED].digest}"
        return f"{self.registry}/{REPOSITORY}@{self.samples[image].digest}"


@asynccontextmanager
async def set_stage(folder: DemoFolder) -> AsyncIterator[Stage]:
    """Everything up and ready until the context ends. Raises DemoFailed and OSError."""
    keys = SampleKeys.generate()
    samples = build_samples(keys)
    pulls = Pulls.of(REPOSITORY, samples, {TAG: samples[TAGGED].digest})
    async with serve_registry(pulls) as registry, serve_silence() as silent:
        folder.write_policies(keys.trusted(), registry=registry, mirror=silent)
        folder.write_identity(issue_server_identity(datetime.now(UTC)))
        async with run_webhook(serve_command(folder), folder) as webhook:
            yield Stage(folder=folder, webhook=webhook, registry=registry, silent=silent, samples=samples)


async def ask_all(stage: Stage, tell: Callable[[str], None]) -> tuple[Row, ...]:
    """Ask every situation, one after the other; `tell` hears which. Raises DemoFailed."""
    rows = []
    for situation in SITUATIONS:
        tell(f"asking: {situation.asked}")
        rows.append(await ask(stage, situation))
    return tuple(rows)


async def ask(stage: Stage, situation: Situation) -> Row:
    """Ask one situation. What an answer does not say, because nobody need hear it, is read in the decision log."""
    images = tuple(stage.reference(image) for image in situation.images)
    containers = dict(zip(("app", "sidecar"), images, strict=False))
    review = render_review(situation.kind, situation.namespace, containers)
    path = stage.folder.write_review(situation.name, review)
    seconds = SILENT_TIMEOUT_SECONDS if SILENT_IMAGE in situation.images else TIMEOUT_SECONDS
    response = await stage.webhook.ask(review, seconds=seconds)
    uid = review["request"]["uid"]
    told = read_lines(lines_of(response)) or read_decision(stage.webhook.log_lines(), uid)
    return Row(
        situation=situation,
        images=images,
        review=path,
        ruling=Ruling.of(response),
        reason=told.reason if told else None,
        why=told.why if told else "",
    )
