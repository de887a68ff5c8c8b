#!/bin/sh
# Fills folders with everything that becomes /app of the image.
# Usage: image/assemble.sh packages|navicert FOLDER     (PYTHON names the interpreter, of the image's minor version)
#   packages: what uv.lock says, each file held to its hash, with its bytecode
#   navicert: Navicert itself, with its bytecode
#
# The Containerfile runs this in its build stage. Whoever has no container engine runs it as it is.
set -eu
cd "$(dirname "$0")/.."
part=$1 app=$2
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
# Only names, versions and hashes of the lock count; the index is the machine's.
install() { "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile "$@"; }
install_locked() {
  file=$1
  shift
  install --require-hashes --only-binary :all: -r "$file" "$@"
}
export_lock() { "$work/venv/bin/uv" export --quiet --frozen --no-emit-project --no-header --no-annotate "$@"; }
install_locked tests/tools/bootstrap-requirements.txt

case $part in
packages)
  export_lock --no-default-groups -o "$work/runtime.txt"
  install_locked "$work/runtime.txt" --target "$app"
  # Nothing imports these: programs of other packages, and the client's asynchronous half, which is the larger one.
  rm -rf "$app/bin" "$app/kubernetes/aio"
  find "$app" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
  find "$app" -name '*.pyi' -delete
  ;;
navicert)
  export_lock --only-group build -o "$work/build.txt"
  install_locked "$work/build.txt"
  "$work/venv/bin/python" -m hatchling build -t wheel -d "$work/dist" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  install --no-index --target "$app" "$work"/dist/*.whl
  rm -rf "$app/bin"
  ;;
esac

# Bytecode that is taken as it is: nobody writes to this root file system, and nobody looks at times of files.
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$app" -p /app "$app"
