#!/bin/sh
# Make .venv and install grokedu there: `environment.sh learn` for a learner, `environment.sh dev` for the tests.
# Does nothing when it is done already. `make` calls it.
set -eu
cd "$(dirname "$0")/.."

wanted=$1
case $wanted in
  learn) extras=learn,lab ;;
  dev) extras=learn,lab,grade,dev ;;
  *) echo "environment.sh: learn or dev, not '$wanted'" >&2; exit 2 ;;
esac
# An environment is known by where it stands and what was asked of it.
state=$({ pwd; cat pyproject.toml constraints.txt; } | cksum)
is_ready() { [ -x .venv/bin/python ] && [ "$(cat ".venv/ready-$1" 2>/dev/null)" = "$state" ]; }
if is_ready dev || is_ready "$wanted"; then exit 0; fi

find_python() { # the first Python >= 3.10 that can make a virtual environment
  for python in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10 python; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 || continue
    found=$python
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
  done
  if [ -n "${found:-}" ]; then
    echo "$($found --version) is here, but cannot make a virtual environment: its venv module is missing." >&2
    echo "On Debian or Ubuntu: apt-get install python3-venv. Then run make again." >&2
  else
    echo "grokedu needs Python 3.10 or newer, and none was found. Install one (https://www.python.org/downloads/)," >&2
    echo "or name it: make learn PYTHON=/path/to/python3" >&2
  fi
  return 1
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || [ ! -f .venv/made-at ] \
  || [ "$(cat .venv/made-at)" != "$(pwd)" ]; then
  find_python
  echo "Making .venv with $($python --version) ..."
  rm -rf .venv
  "$python" -m venv .venv
  pwd > .venv/made-at
fi

quiet=--quiet
[ -t 1 ] && quiet=
pip() { .venv/bin/python -m pip install $quiet --disable-pip-version-check --no-input "$@"; }

has_gpu() { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q GPU; }
answers() {
  .venv/bin/python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' \
    "$1/torch/" >/dev/null 2>&1
}
# On Linux the ordinary torch brings gigabytes of CUDA: without a GPU, take PyTorch's CPU build where it can be had.
index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
torch=$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' constraints.txt)
if [ "$(uname)" = Linux ] && [ -n "$index" ] && ! has_gpu \
  && ! .venv/bin/python -c 'import torch' >/dev/null 2>&1 && answers "$index"; then
  echo "Installing $torch, the CPU build ..."
  pip --timeout 30 --retries 2 --no-deps --index-url "$index" "$torch" \
    || echo "That did not work; going on with the ordinary build."
fi

echo "Installing grokedu[$extras]; a minute or two the first time ..."
pip -c constraints.txt -e ".[$extras]"
echo "$state" > ".venv/ready-$wanted"
