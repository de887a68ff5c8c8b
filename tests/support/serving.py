"""The settings of a replica whose parts a test puts together by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from controller.core.policy import Uncovered
from controller.settings import Address, Settings


def settings_by(kubeconfig: Path, *, namespace: str) -> Settings:
    """The defaults, for policies of the cluster that this leads to. Nothing can be served by them: there is no
    certificate."""
    return Settings(
        tls_cert=Path(),
        tls_key=Path(),
        client_ca=None,
        client_names=frozenset(),
        listen=Address("127.0.0.1", 0),
        status_listen=Address("127.0.0.1", 0),
        policies=None,
        namespace=namespace,
        kubeconfig=kubeconfig,
        uncovered=Uncovered.ALLOW,
        registries=None,
        credentials=None,
        credential_programs=None,
        pod_pull_secrets=False,
        exception_maximum=timedelta(days=90),
        drain_seconds=0,
        log_level="info",
    )
