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

# The first Python that grokedu runs on and that can make a virtual environment; $PYTHON, where it is set, or none.
find_python() {
  refused=
  for python in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 python}; do
    "$python" --version >/dev/null 2>&1 || continue
    # supported.py is written for Python 3.10, so an older one is refused here.
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
      reason="grokedu needs Python 3.10 or newer, and this is $("$python" --version 2>&1)."
    elif reason=$("$python" scripts/supported.py "$wanted" 2>&1); then
      "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
      reason="$("$python" --version) lacks its venv module. On Debian or Ubuntu: apt-get install python3-venv"
    fi
    refused=${refused:-$reason}
  done
  name_it="Name another Python: make learn PYTHON=/path/to/python3"
  [ "$wanted" = dev ] && name_it="Name another Python: make test PYTHON=/path/to/python3"
  echo "${refused:-No Python was found: grokedu needs Python 3.10 or newer.} $name_it" >&2
  return 1
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || [ ! -f .venv/made-at ] \
  || [ "$(cat .venv/made-at)" != "$(pwd)" ]; then
  find_python
  echo "Making .venv with $("$python" --version) ..."
  rm -rf .venv
  "$python" -m venv .venv
  pwd > .venv/made-at
fi
# One that was made for lessons may not do for the tests.
if ! reason=$(.venv/bin/python scripts/supported.py "$wanted" 2>&1); then
  echo "$reason Run make clean, and then make with PYTHON=/path/to/python3" >&2
  exit 1
fi

# Show what pip does: on a terminal in one line that changes, elsewhere in a line for every 25 packages and large file.
show_progress() {
  packages=0
  while IFS= read -r line; do
    case $line in
      Collecting*) packages=$((packages + 1)); line=${line%% \(from*}; text="Packages found: $packages (${line#Collecting })" ;;
      *Downloading*GB\)* | *Downloading*\([0-9][0-9]*MB\)*) text=${line#"${line%%[! ]*}"} ;;
      Installing\ collected*) text="Installing them; this can take a minute" ;;
      *) continue ;;
    esac
    if [ -t 1 ]; then
      printf '\r\033[K  %.70s' "$text"
    elif [ "${text#Packages}" = "$text" ] || [ $((packages % 25)) = 1 ]; then
      printf '  %.100s\n' "$text"
    fi
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
}
# A pipe's status is its last command's, so pip leaves its own in a file.
pip() {
  { PYTHONUNBUFFERED=1 .venv/bin/python -m pip install --disable-pip-version-check --no-input "$@" \
    && : > .venv/installed; } | show_progress
  [ -f .venv/installed ] && rm .venv/installed
}

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
