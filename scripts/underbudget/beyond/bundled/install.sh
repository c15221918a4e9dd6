#!/bin/sh
# Install what @TITLE@ needs into .venv beside this file, unless it is there already.
# With --service@LOG@ it is also started whenever this machine starts: that alone needs root, by sudo.
set -eu
unset CDPATH PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER # they lead elsewhere
fail() { echo "error: $1" >&2; exit 1; }
last() { printf '%s\n' "$said" | tail -n 1; }

[ $# = 0 ] || { [ "$1" = --service ] && [ $# = @ARGUMENTS@ ]; } || fail "say sh install.sh or sh install.sh --service@LOG@"
case ${2-/} in /*) log=${2-} ;; *) log=$PWD/$2 ;; esac
[ $# -lt 2 ] || [ -r "$log" ] || fail "$2: can't be read: correct the path"
cd -- "$(dirname -- "$0")"
exec 9< install.sh
flock -n 9 || fail "install.sh runs here already: wait for it"

python=${PYTHON:-python3}
command -v "$python" > /dev/null || fail "$python: not found: sudo apt install python3 python3-venv"
list=$("$python" -c '
import os, sys
version, machine, wide = sys.version_info[:2], os.uname()[4], sys.maxsize > 2**32
if not ((3, 10) <= version <= (3, 13) if wide else version == (3, 11) and machine != "armv6l"):
    sys.exit("error: no TFLite runtime for Python %d.%d, %s bits, on %s: it needs 3.10 to 3.13 of 64 bits, or 3.11 of 32:"
             " install Raspberry Pi OS 12 or 13, 64-bit, or say PYTHON=python3.11 sh install.sh"
             % (version + (64 if wide else 32, machine)))
try:
    import ensurepip
except ImportError:
    sys.exit("error: this Python has no venv: sudo apt install python3-venv")
print("requirements-pi.txt" if wide else "requirements-pi-32bit.txt")
') || exit 1

works() { # does the model load?
  said=$(PYTHONPATH=scripts .venv/bin/python -c '
from underbudget.device.models import load_model
load_model("@MODEL@")' 2>&1)
}
find scripts -name __pycache__ -exec rm -rf {} + # files of another archive have the same times
if ! cmp -s "$list" .venv/installed || ! works; then
  trap 'rm -rf .venv' EXIT # no half of it stays
  trap 'fail "stopped: run it again"' HUP INT TERM
  rm -rf .venv
  echo "installing the packages of $list (190 MB; some minutes)"
  said=$("$python" -m venv .venv 2>&1) || fail ".venv can't be made: $(last)"
  said=$(.venv/bin/python -I -m pip install --disable-pip-version-check --only-binary :all: -r "$list" 2>&1) || case $said in
    *Retrying*) fail "no package index answers: check the network, and run it again" ;;
    *) fail "pip can't install the packages: $(last)" ;;
  esac
  works || case $said in
    *libopenblas*) fail "numpy needs a library: sudo apt install libopenblas0, and run it again" ;;
    *) fail "the packages are installed, but the model does not load: $(last)" ;;
  esac
  cp "$list" .venv/installed
  trap - EXIT HUP INT TERM
fi
echo "installed. To run it: cd '$PWD' && @START@"
[ $# -gt 0 ] || exit 0

command -v systemctl > /dev/null || fail "no systemd here: start it your own way"
sudo=sudo
[ "$(id -u)" != 0 ] || sudo=
[ $# = 1 ] || [ "$log" -ef LOG ] || { [ ! -L LOG ] || rm LOG; ln -s -- "$log" LOG; } # a file is not replaced
folder=$(pwd | sed 's/%/%%/g; s/[&|\]/\\&/g') # for systemd, then for sed
sed "s|%USER%|${SUDO_USER:-$(id -un)}|; s|%FOLDER%|$folder|" "@TITLE@.service" |
  $sudo tee "/etc/systemd/system/@TITLE@.service" > /dev/null
$sudo systemctl daemon-reload
$sudo systemctl enable "@TITLE@"
$sudo systemctl restart "@TITLE@"
echo "@TITLE@ runs, now and whenever this machine starts. To see what it says: journalctl -u @TITLE@ -f"
