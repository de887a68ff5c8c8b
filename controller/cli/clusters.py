"""Which cluster a command of the user's is about."""

import os
from pathlib import Path

_FILE = Path(".kube", "config")  # in the user's home


def own_kubeconfig() -> str | None:
    """The file that kubectl would take without being told; None where the user has none."""
    file = Path(os.path.expanduser("~"), _FILE)  # noqa: PTH111 (where no home is known it is none, not an error)
    return str(file) if file.is_file() else None
