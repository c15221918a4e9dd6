"""Check this machine and install the pinned packages into .venv, unless that is done already.

`make` runs this first, with the Python of the machine. It is written for any Python, so that an old one can be told.
With --search it also installs what several models at once need, with --tests that and what the tests need.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
OLDEST, NEWEST = (3, 10), (3, 13)
NEEDED_GB = 5  # the packages take 2.6 GB, their download 1 GB, the data 0.8 GB


def fail(line):
    sys.exit("error: " + line)


def check_python():
    """Check the version, and the modules that Debian packages separately."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        others = ["python3.%d" % minor for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        found = [name for name in others if shutil.which(name)] if hasattr(shutil, "which") else []
        fail(
            "Python %d.%d is not supported, 3.%d to 3.%d is: %s"
            % (sys.version_info[0], sys.version_info[1], OLDEST[1], NEWEST[1],
               "run make PYTHON=" + found[0] if found else "install one and run make PYTHON=its-name")
        )  # fmt: skip
    try:
        import ensurepip
        import venv

        assert ensurepip and venv
    except ImportError:
        fail("this Python has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)")
    if sys.maxsize < 2**32:
        fail("this is a 32-bit Python, and TensorFlow needs a 64-bit one: install that")


def check_disk():
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        fail("%.1f GB free in %s, %d are needed: free some space and run again" % (free, ROOT, NEEDED_GB))


def wanted(lists):
    """Return what .venv should have, as text: the interpreter and the lists of packages."""
    parts = [sys.version]
    for name in lists + ["requirements.lock"]:
        with open(os.path.join(ROOT, name)) as file:
            parts.append(file.read())
    return "\n".join(parts)


def install(lists):
    """Create .venv and install the lists, unless the stamp says that these very lists are in."""
    python = os.path.join(VENV, "bin", "python")
    stamp = os.path.join(VENV, "installed-" + lists[-1].replace("/", "-"))
    text = wanted(lists)
    if os.path.exists(stamp) and os.access(python, os.X_OK):
        with open(stamp) as file:
            if file.read() == text:
                return
    check_disk()
    try:
        if not os.access(python, os.X_OK):
            print("creating %s" % VENV)
            subprocess.check_call([sys.executable, "-m", "venv", "--clear", VENV])
        print("installing the packages of %s (2.6 GB; some minutes)" % ", ".join(lists))
        sys.stdout.flush()
        arguments = [part for name in lists for part in ("-r", os.path.join(ROOT, name))]
        subprocess.check_call([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"] + arguments)
    except subprocess.CalledProcessError:
        fail("the packages could not be installed, see above: fix that (the network?) and run make again")
    except KeyboardInterrupt:
        fail("stopped; run make again to go on")
    with open(stamp, "w") as file:
        file.write(text)


if __name__ == "__main__":
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__ + "\nexamples:\n  python3 scripts/00_setup.py\n  python3 scripts/00_setup.py --search\n"
              "  python3 scripts/00_setup.py --tests")  # fmt: skip
        sys.exit()
    check_python()
    lists = ["requirements.txt"]
    if "--search" in sys.argv or "--tests" in sys.argv:
        lists.append("requirements-search.txt")
    if "--tests" in sys.argv:
        lists.append("tests/requirements.txt")
    install(lists)
