"""By which interpreter is measured: the image has Debian's (Containerfile), which is built otherwise than most are."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

IMAGE_S = Path("/usr/bin/python3")


def go_on_as_the_image_does(module: str) -> None:
    """Run this module anew by the interpreter that the image has, if it is here and takes what is installed."""
    if (
        Path(sys.executable) == IMAGE_S
        or not IMAGE_S.exists()
        or _binary_interface() != sysconfig.get_config_var("SOABI")
    ):
        return
    paths = dict.fromkeys((str(Path.cwd()), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    sys.stdout.flush()
    os.execve(IMAGE_S, [str(IMAGE_S), "-m", module], os.environ | {"PYTHONPATH": os.pathsep.join(paths)})


def _binary_interface() -> str:
    asked = "import sysconfig; print(sysconfig.get_config_var('SOABI'))"
    return subprocess.run([IMAGE_S, "-c", asked], capture_output=True, check=False, text=True).stdout.strip()
