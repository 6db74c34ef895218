#!/bin/sh
# Make one virtual environment per peer: benchmarks/peers/setup.sh [folder, out/peers].
# Nothing is installed beside Rehearse. A peer that cannot be installed is named in one line and the others go on;
# exit 2 if none could be. Versions are pinned in requirements-*.txt; about 3 GB of disk in all.
set -u
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../out/peers}
say() { echo "peers: $*" >&2; }
# On Linux the package index alone gives torch with CUDA, 8 GB of it.
export PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL:-https://download.pytorch.org/whl/cpu}"

python=
for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    say "needs Python 3.11 or newer with venv. Remedy: sudo apt-get install -y python3.11-venv, or PYTHON=/path/to/python3.11"
    exit 2
fi
mkdir -p "$folder" || { say "cannot write $folder. Remedy: name another folder"; exit 2; }

made=0
for peer in torch-world stable-worldmodel pytorch-mppi; do
    venv=$folder/$peer script=worker.py
    [ "$peer" = pytorch-mppi ] && script=planners.py # a planner without a model
    if [ ! -x "$venv/bin/python" ]; then
        "$python" -m venv "$venv" || { say "$peer: could not make $venv; the lines above say why"; continue; }
    fi
    if ! "$venv/bin/python" -m pip install --disable-pip-version-check -q -r "$here/requirements-$peer.txt"; then
        say "$peer is left out: pip could not install it; the lines above say why. Remedy: check the network and 3 GB of disk"
    elif ! "$venv/bin/python" "$here/$script" check; then
        say "$peer is left out: installed, but it does not run; the lines above say why"
    else
        made=$((made + 1))
    fi
done
[ "$made" -gt 0 ] || exit 2
