"""Check this machine and install the pinned packages into .venv, each with its hash, unless that is done already.

`make` runs this first, with the Python of the machine. It runs on any Python, so that an old one gets a clear error.
--search also installs the packages for searches and for training several models at once, --tests those of the tests too.
"""

import ast
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
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


def check_processor():
    """Check for AVX2 before gigabytes are fetched: TensorFlow ends without a word where its kernels are missing."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = file.read().split()
    except (OSError, ValueError):
        return
    if "flags" in flags and "avx2" not in flags:  # other architectures have no flags
        fail("this processor has no AVX2, which training needs: use one with it (Intel: from 2013, AMD: from 2015)")


def check_disk():
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        fail("%.1f GB free in %s, %d are needed: free some space and run again" % (free, ROOT, NEEDED_GB))


def locks(lists):
    """Return the files that pin each list, with all that its packages need and that those before do not pin."""
    return [name.replace(".txt", ".lock") for name in lists]


def wanted(lists):
    """Return what .venv should have, as text: the interpreter, this folder, the lists of packages."""
    parts = [sys.version, ROOT]  # .venv names the folder for `import underbudget`
    for name in lists + locks(lists) + ["pyproject.toml"]:
        with open(os.path.join(ROOT, name)) as file:
            parts.append(file.read())
    return "\n".join(parts)


def is_installed(lists):
    """Tell whether .venv has every package of the lists, in the version that is pinned."""
    pins = []
    for name in lists:
        with open(os.path.join(ROOT, name)) as file:
            pins += re.findall(r"^[\w.-]+==[\w.]+", file.read(), re.M)
    code = "import sys\nfrom importlib.metadata import version\n" + \
        "for name, _, pinned in (pin.partition('==') for pin in sys.argv[1:]): assert version(name) == pinned"  # fmt: skip
    return answer(["-c", code] + pins) is not None


def answer(arguments):
    """Return what the Python of .venv prints, or None where it fails; -I: whatever PYTHONPATH says."""
    try:
        return subprocess.check_output([PYTHON, "-I"] + arguments, stderr=subprocess.STDOUT).decode()
    except (OSError, subprocess.CalledProcessError):
        return None


def create():
    """Make .venv, also in place of one of another Python, or without pip, as a creation that was stopped leaves it."""
    if answer(["-c", "import sys; print(sys.version)"]) == sys.version + "\n" and answer(["-m", "pip", "--version"]):
        return
    print("creating %s" % VENV)
    sys.stdout.flush()
    if os.path.islink(VENV):
        os.remove(VENV)  # what it leads to is not ours
    import venv

    venv.create(VENV, clear=True, symlinks=True, with_pip=True)


def install(lists):
    """Create .venv and install the lists, unless the stamp says that these very lists are in, and they are."""
    stamp = os.path.join(VENV, "installed-" + lists[-1].replace("/", "-"))
    text = wanted(lists)
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == text and is_installed(lists):
                return
    check_disk()
    try:
        create()
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        fail("%s can't be created (%s): remove what is there and run make again" % (VENV, error))
    print("bringing .venv up to date with %s (at first 2.6 GB and some minutes)" % ", ".join(lists))
    sys.stdout.flush()
    pip_install(["--require-hashes"] + [part for name in locks(lists) for part in ("-r", os.path.join(ROOT, name))])
    if not is_installed(lists):
        fail(
            "pip did not put the packages into .venv, by one of its settings: see `pip config list` and remove that one"
        )
    # so that `import underbudget` works from any folder; what it depends on is there, in the pinned versions
    pip_install(["--no-deps", "--no-build-isolation", "--editable", ROOT])
    with open(stamp, "w") as file:
        file.write(text)


def pip_settings():
    """Return an environment with the user's settings of pip, but for those by which packages land outside of .venv."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment["PIP_CONFIG_FILE"] = os.devnull
    lines = (answer(["-m", "pip", "config", "list"]) or "").splitlines()
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):  # they take precedence
        found = re.match(r"(?:global|install|:env:)\.([\w-]+)=(['\"].*['\"])$", line)
        if found and found.group(1) not in ("target", "prefix", "root", "user", "config-file"):
            environment["PIP_" + found.group(1).upper().replace("-", "_")] = ast.literal_eval(found.group(2))
    return environment


def pip_install(arguments):
    """Let pip install into .venv."""
    command = [PYTHON, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip = subprocess.Popen(command + arguments, env=pip_settings(), stderr=subprocess.PIPE)
    said = b""
    try:
        for line in pip.stderr:
            said += line
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
        status = pip.wait()
    except KeyboardInterrupt:  # its own traceback is not shown
        pip.terminate()
        pip.wait()
        raise
    if status:
        network = re.search(b"Retrying|ConnectionPool|Connection|Timeout|timed out|name resolution", said)
        what = "check the network" if network else "correct that"
        fail("the packages could not be installed, see above: %s and run make again" % what)


def main():
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__ + "\nexamples:\n  python3 scripts/00_setup.py\n  python3 scripts/00_setup.py --search\n"
              "  python3 scripts/00_setup.py --tests")  # fmt: skip
        sys.exit()
    check_python()
    check_processor()
    lists = ["requirements.txt"]
    if "--search" in sys.argv or "--tests" in sys.argv:
        lists.append("requirements-search.txt")
    if "--tests" in sys.argv:
        lists.append("tests/requirements.txt")
    install(lists)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("stopped: run make again to resume")
