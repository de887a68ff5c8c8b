"""`make fuzz`: each target for so many seconds, guided by coverage (atheris, libFuzzer). Finds nothing or ends with 1.

    python -m tests.fuzz.run SECONDS [TARGET]

What breaks the property is left as `.fuzz/<target>/crash-...`; that file fed to the target again shows it. The corpus
beside it grows from run to run, is nobody's to commit, and starts from what the foundry makes.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["controller"]):
    from tests.fuzz.targets import TARGETS

FOLDER = Path(".fuzz")
MAX_BYTES = 16_384
MAX_SECONDS_EACH = 10  # for one input
MAX_MEBIBYTES = 2048


def fuzz(name: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    target = TARGETS[name]
    folder = FOLDER / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
    limits = (f"-max_len={MAX_BYTES}", f"-timeout={MAX_SECONDS_EACH}", f"-rss_limit_mb={MAX_MEBIBYTES}")
    spoken = ("-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={folder}/")
    atheris.Setup([sys.argv[0], str(corpus), f"-max_total_time={seconds}", *limits, *spoken], target.feed)
    atheris.Fuzz()


def fuzz_all(seconds: int) -> int:
    """Each target in a process of its own, one after the other; 1 when any of them found something."""
    found = []
    for name in TARGETS:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", "tests.fuzz.run", str(seconds), name], check=False).returncode:
            found.append(name)
    print("found something in: " + ", ".join(found) if found else "nothing found")
    return 1 if found else 0


def main() -> None:
    seconds, *names = sys.argv[1:]
    if names:
        fuzz(names[0], int(seconds))
    sys.exit(fuzz_all(int(seconds)))


if __name__ == "__main__":
    main()
