"""`navicert verify`: the decision of the webhook, for images, from a laptop or a pipeline."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from controller.cli.credentials import user_credentials
from controller.cli.files import read_registries
from controller.cli.inforce import InForce, Origin, read_in_force
from controller.cli.kubeconfig import user_kubeconfig_option
from controller.cli.options import FILE, PATH, exception_maximum_option, uncovered_option, user_registry_options
from controller.cli.output import Format, Screen
from controller.cli.showing import show_problems, show_verdict
from controller.cli.subjects import Setting, Subject, read_labels, read_subjects
from controller.core.policy import Uncovered
from controller.core.verdict import Verdict, conclude
from controller.engine.circumstances import UNHURRIED, Circumstances
from controller.engine.decision import decide
from controller.engine.evidence import Gatherer
from controller.engine.gathering import Gather
from controller.engine.opening import VERIFYING_THREADS, open_gatherer
from controller.engine.policies import Snapshot
from controller.registry.absent import NoRegistry
from controller.registry.credentials import Credentials
from controller.wire.registries import Registries
from controller.wire.verification import render_verification
from controller.wire.workload import WORKLOAD_KINDS

REFUSED, UNKNOWN = 1, 3
EXIT_CODES = {200: 0, 403: REFUSED}  # by the verdict's code; everything else is ignorance
DEADLINE_SECONDS = 60.0  # of one image
AT_A_TIME = 8  # images; what one asks of its registry goes on in parallel besides


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How evidence is got at, and the settings of the webhook whose decision is asked for."""

    offline: bool
    registries: Registries
    credentials: Credentials
    uncovered: Uncovered
    exception_maximum: timedelta


@click.command()
@click.option("--policies", type=PATH, help="Policies from this file or folder, and no cluster.")
@user_kubeconfig_option
@click.option(
    "--own-namespace",
    default="navicert-system",
    show_default=True,
    help="Navicert's namespace in that cluster, where documents of trust roots are.",
)
@click.option("--namespace", default="default", show_default=True, help="The namespace that the images are to run in.")
@click.option("--labels", default="", metavar="NAME=VALUE,...", help="The labels of the pods that are to run them.")
@click.option(
    "--kind",
    type=click.Choice(WORKLOAD_KINDS),
    default="Deployment",
    show_default=True,
    metavar="KIND",
    help="What is to run them. A tag in a Pod has to be pinned where a policy says so; in all other kinds it is "
    "judged by what it points to now.",
)
@click.option("--as", "stands_for", metavar="REPOSITORY", help="Which repository the layouts stand for.")
@click.option("--trusted-root", type=FILE, help="A trusted_root.json in the place of the TrustRoot sigstore.")
@click.option("--offline", is_flag=True, help="Make no connection: only layouts, and policies from files.")
@uncovered_option
@exception_maximum_option
@user_registry_options
@click.option(
    "--output",
    type=click.Choice([form.value for form in Format]),
    default=Format.TEXT.value,
    show_default=True,
    help="How to answer.",
)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
def verify(images: tuple[str, ...], **options: Any) -> int:
    """Say whether images would be admitted, and why: the decision of the webhook, by the same policies.

    IMAGE is a reference to a registry, or oci:PATH[@DIGEST], an OCI layout on disk; without a digest its only image.

    Exit codes: 0 admitted, 1 refused, 2 usage or malformed input, 3 could not find out (a policy that does not compile
    included). As in a cluster, only policies in Enforce refuse: what one in Warn or Audit finds is shown as a warning,
    and the exit code is 0. So it is for an image that no policy is about, unless --uncovered says otherwise.
    """
    origin = _origin(options)
    labels = read_labels(options["labels"])
    means = _means(options)
    subjects = read_subjects(images, stands_for=options["stands_for"])
    screen, form = Screen.over(sys.stdout, sys.stderr), Format(options["output"])

    async def judged(tell: Callable[[str], None]) -> tuple[InForce, Verdict]:
        in_force = await read_in_force(origin, options["namespace"], tell=screen.problem)
        setting = Setting(
            kind=options["kind"],
            namespace=options["namespace"],
            labels=labels,
            namespace_labels=in_force.namespace_labels,
        )
        return in_force, await judge(subjects, setting, in_force.snapshot, means, tell=tell)

    with screen.progress("reading policies") as tell:
        in_force, verdict = asyncio.run(judged(tell))
    problems = in_force.snapshot.problems
    if form is Format.TEXT:
        show_problems(screen, problems, files=origin.policies)
        show_verdict(screen, verdict)
    else:
        screen.document(render_verification(verdict, problems), form)
    return EXIT_CODES.get(verdict.code, UNKNOWN)


async def judge(
    subjects: Sequence[Subject], setting: Setting, snapshot: Snapshot, means: Means, *, tell: Callable[[str], None]
) -> Verdict:
    """One decision for each image, and one verdict over all of them. `tell` hears how far it is."""
    slots, done = asyncio.Semaphore(AT_A_TIME), 0
    async with AsyncExitStack() as stack:
        gather_of = await _gathering(subjects, snapshot, means, stack)

        async def judge_one(subject: Subject) -> Verdict:
            nonlocal done
            async with slots:
                verdict = await decide(
                    setting.workload(subject.reference),
                    snapshot=snapshot,
                    gather=gather_of(subject),
                    circumstances=_circumstances(means),
                )
            done += 1
            tell(f"{done} of {len(subjects)} images judged")
            return verdict

        tell(f"judging {len(subjects)} images")
        verdicts = await asyncio.gather(*(judge_one(subject) for subject in subjects))
    return conclude(tuple(image for verdict in verdicts for image in verdict.images), expected=len(subjects))


async def _gathering(
    subjects: Sequence[Subject], snapshot: Snapshot, means: Means, stack: AsyncExitStack
) -> Callable[[Subject], Gather]:
    """How the evidence for each is gathered: no client of registries is there where none may be asked."""
    executor = stack.enter_context(ThreadPoolExecutor(VERIFYING_THREADS, thread_name_prefix="verify"))
    remote: Gather = Gatherer(registry=NoRegistry("--offline forbids every connection"), executor=executor)
    if not means.offline and any(subject.layout is None for subject in subjects):
        opening = open_gatherer(means.registries, means.credentials, lambda: snapshot)
        remote = (await stack.enter_async_context(opening)).gather

    def gather_of(subject: Subject) -> Gather:
        return remote if subject.layout is None else Gatherer(registry=subject.layout, executor=executor)

    return gather_of


def _circumstances(means: Means) -> Circumstances:
    return Circumstances(
        now=datetime.now(UTC),
        deadline=asyncio.get_running_loop().time() + DEADLINE_SECONDS,
        uncovered=means.uncovered,
        exception_maximum=means.exception_maximum,
        patience=UNHURRIED,
    )


def _origin(options: dict[str, Any]) -> Origin:
    policies, offline = options["policies"], options["offline"]
    if offline and policies is None:
        raise click.UsageError("--offline needs --policies: no cluster may be asked for them")
    return Origin(
        policies=(policies,) if policies else (),
        kubeconfig=options["kubeconfig"],
        own_namespace=options["own_namespace"],
        trusted_root=options["trusted_root"],
    )


def _means(options: dict[str, Any]) -> Means:
    return Means(
        offline=options["offline"],
        registries=read_registries(options["registries"]) if options["registries"] else Registries(),
        credentials=user_credentials(options["credentials"], options["credential_programs"]),
        uncovered=Uncovered(options["uncovered"]),
        exception_maximum=options["exception_maximum"],
    )
