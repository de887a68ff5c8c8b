#!/bin/sh
# Makes .venv exactly what uv.lock says: every file is held to the hash in the lock, whichever index it comes from.
# Usage: tests/tools/bootstrap.sh [--group toolchain]     (make runs it when uv.lock or pyproject.toml changed)
set -eu
cd "$(dirname "$0")/../.."
venv=.venv
pins=tests/tools/bootstrap-requirements.txt
oldest=3.11
too_new=3.15

say() { printf 'set-up: %s\n' "$*" >&2; }

fits() {
  "$1" -c "import sys; low, high = (tuple(map(int, v.split('.'))) for v in ('$oldest', '$too_new'))
sys.exit(not low <= sys.version_info[:2] < high)" 2>/dev/null
}

find_python() {
  for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
    if fits "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  say "no Python >= $oldest and < $too_new found; install one or set PYTHON"
  return 1
}

# Debian and Ubuntu split ensurepip, which venv needs, into a package of its own.
ensure_venv_module() {
  if "$1" -c 'import ensurepip, venv' 2>/dev/null; then return; fi
  package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ]; then
    as_root=env
  elif sudo -n true 2>/dev/null; then
    as_root='sudo -n env'
  else
    say "$1 has no venv module. Run this, then repeat the command: sudo apt-get install -y $package"
    return 1
  fi
  say "installing $package"
  $as_root apt-get update -q >&2
  $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package" >&2
}

# A mirror is usually configured for pip only: hand its address and certificates on to uv.
adopt_pip_settings() {
  index=$("$venv/bin/pip" config get global.index-url 2>/dev/null || true)
  index=${PIP_INDEX_URL:-$index}
  if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="$index"; fi
  if [ -n "${PIP_CERT:-}" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$PIP_CERT"; fi
}

if ! fits "$venv/bin/python"; then
  python=$(find_python)
  ensure_venv_module "$python"
  say "creating $venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
fi
export VIRTUAL_ENV="$PWD/$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$pins"
adopt_pip_settings
# The export needs no network, and leaves out the addresses in the lock: only names, versions and hashes count.
"$venv/bin/uv" export --quiet --frozen --no-emit-project --no-header --no-annotate \
  -o "$venv/requirements.txt" "$@"
"$venv/bin/uv" pip sync --quiet --require-hashes --no-build "$venv/requirements.txt" "$pins"
"$venv/bin/uv" pip install --quiet --no-deps --no-build-isolation --editable .
say "$venv is ready"
