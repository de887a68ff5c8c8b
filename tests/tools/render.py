"""Renders the chart with its default values, by the real helm, into what can be applied without it.

What helm itself brings comes first: the namespace, and the report kinds, which a hook adds where a cluster lacks them.

.venv/bin/python -m tests.tools.render [FILE]      (standard output without one)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from controller.wire.reportkinds import POLICY_REPORTS, REPORT_KINDS, render_report_definition
from tests.tools import build

CHART = build.ROOT / "charts" / "navicert"
HOME = "navicert-system"
TEMPLATE = ("template", "navicert", str(CHART), "--include-crds", "--no-hooks", "--namespace", HOME)
NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": HOME,
        "labels": {"app.kubernetes.io/name": "navicert", "pod-security.kubernetes.io/enforce": "restricted"},
    },
}


def render(helm: Path) -> str:
    """Returns the manifests. Helm reads no settings of this machine. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": os.defpath}
        rendered = subprocess.run([helm, *TEMPLATE], env=env, stdout=subprocess.PIPE, text=True, check=True).stdout
    before = [NAMESPACE, *map(render_report_definition, REPORT_KINDS[POLICY_REPORTS])]
    return yaml.safe_dump_all(before, explicit_start=True, sort_keys=False) + rendered


def main(arguments: list[str]) -> int:
    manifests = render(build.build("helm"))
    if arguments:
        Path(arguments[0]).write_text(manifests)
    else:
        sys.stdout.write(manifests)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
