"""The user's own credentials for registries, as Docker keeps them."""

import os
from pathlib import Path

from controller.registry.client import NO_CREDENTIALS
from controller.registry.credentials import Credentials, FileCredentials
from controller.registry.programs import CredentialPrograms

CONFIG_FOLDER = ".docker"  # in the user's home; DOCKER_CONFIG names another folder
CONFIG_FILE = "config.json"


def user_credentials(path: Path | None, programs: Path | None) -> Credentials:
    """Those of `path`, or of the user's Docker configuration where there is one, or none.

    Programs that the configuration names are run from the folder `programs`, or else from PATH, as Docker does. Raises
    MalformedDocument for a file that can't be read.
    """
    found = path or _own()
    if found is None:
        return NO_CREDENTIALS
    return FileCredentials(found, programs=CredentialPrograms(programs, search=os.environ.get("PATH", "")))


def _own() -> Path | None:
    try:
        folder = os.environ.get("DOCKER_CONFIG") or Path.home() / CONFIG_FOLDER
    except RuntimeError:  # nobody's home is known
        return None
    file = Path(folder, CONFIG_FILE)
    return file if file.is_file() else None


def read_credentials(path: Path | None, programs: Path | None) -> Credentials:
    """Those of a Docker configuration, or none without one; its programs are run from one folder only."""
    return NO_CREDENTIALS if path is None else FileCredentials(path, programs=CredentialPrograms(programs))
