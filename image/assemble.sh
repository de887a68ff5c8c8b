#!/bin/sh
# Fills a folder with everything that becomes /app of the image: the locked packages, Navicert itself, their bytecode.
# Usage: image/assemble.sh FOLDER     (PYTHON names the interpreter; it must be of the image's minor version)
#
# The Containerfile runs this in its build stage. Whoever has no container engine runs it as it is.
set -eu
cd "$(dirname "$0")/.."
app=$1
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
pip="$work/venv/bin/python -m pip --quiet --disable-pip-version-check"
locked="--require-hashes --only-binary :all: --no-deps"
# shellcheck disable=SC2086 # words on purpose
$pip install $locked -r tests/tools/bootstrap-requirements.txt

# Only names, versions and hashes of the lock count; the index is the machine's.
export_lock() { "$work/venv/bin/uv" export --quiet --frozen --no-emit-project --no-header --no-annotate "$@"; }
export_lock --no-default-groups -o "$work/runtime.txt"
export_lock --only-group build -o "$work/build.txt"
# shellcheck disable=SC2086
$pip install $locked -r "$work/build.txt"
# shellcheck disable=SC2086
$pip install $locked --no-compile --target "$app" -r "$work/runtime.txt"
"$work/venv/bin/python" -m hatchling build -t wheel -d "$work/dist" >/dev/null 2>&1
$pip install --no-index --no-deps --no-compile --target "$app" "$work"/dist/*.whl

# Nothing imports these: programs of other packages, and the client's asynchronous half, which is the larger one.
rm -rf "$app/bin" "$app/kubernetes/aio"
find "$app" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
find "$app" -name '*.pyi' -delete

# The bytecode is taken as it is: nobody writes to this root file system, and nobody looks at times of files.
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$app" -p /app "$app"
