"""The credentials that a command reads registries with."""

from pathlib import Path

from controller.registry.client import NO_CREDENTIALS
from controller.registry.credentials import Credentials, FileCredentials
from controller.registry.programs import CredentialPrograms


def read_credentials(path: Path | None, programs: Path | None) -> Credentials:
    """Those of a Docker configuration, or none without one; its programs are run from one folder only."""
    return NO_CREDENTIALS if path is None else FileCredentials(path, programs=CredentialPrograms(programs))
