"""Facts about this device, as JSON on standard output.

Standard library alone, and any Python 3: it is the first thing to run on a device that nothing is known of.
"""

import json
import os
import platform
import sys


def read(path):
    """Read the text of a small system file; None if there is none."""
    try:
        with open(path) as file:
            return file.read().strip("\0\n ")
    except (OSError, UnicodeDecodeError):
        return None


def probe():
    """Return the facts of this device; None where it does not tell."""
    cpuinfo = [line.split(":", 1) for line in (read("/proc/cpuinfo") or "").splitlines() if ":" in line]
    cpu = {key.strip(): value.strip() for key, value in cpuinfo}
    return {
        "model": read("/proc/device-tree/model") or cpu.get("model name") or platform.machine(),
        "name": platform.node(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "python": platform.python_version(),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
