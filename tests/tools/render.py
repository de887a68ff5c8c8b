"""Renders the chart with its default values, by the real helm.

.venv/bin/python -m tests.tools.render [FILE]      (standard output without one)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.tools import build

CHART = build.ROOT / "charts" / "navicert"
TEMPLATE = ("template", "navicert", str(CHART), "--include-crds", "--no-hooks", "--namespace", "navicert-system")


def render(helm: Path) -> str:
    """Returns the manifests. Helm reads no settings of this machine. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": os.defpath}
        return subprocess.run([helm, *TEMPLATE], env=env, stdout=subprocess.PIPE, text=True, check=True).stdout


def main(arguments: list[str]) -> int:
    manifests = render(build.build("helm"))
    if arguments:
        Path(arguments[0]).write_text(manifests)
    else:
        sys.stdout.write(manifests)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
