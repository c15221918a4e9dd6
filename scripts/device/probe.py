"""Facts about this device and its state, as JSON on standard output.

Standard library alone, and any Python 3: it is the first thing to run on a device that nothing is known of.
"""

import glob
import json
import os
import platform
import shutil
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
    features = (cpu.get("Features") or cpu.get("flags") or "").split()
    memory = (read("/proc/meminfo") or "MemTotal: 0").split()[1]
    release = dict(line.split("=", 1) for line in (read("/etc/os-release") or "").splitlines() if "=" in line)
    temperature = read("/sys/class/thermal/thermal_zone0/temp")
    try:
        import ensurepip
        import venv

        has_venv = bool(ensurepip and venv)
    except ImportError:
        has_venv = False
    return {
        "model": read("/proc/device-tree/model") or cpu.get("model name") or platform.machine(),
        "name": platform.node(),
        "cpu_part": cpu.get("CPU part"),
        "dot_product": bool({"asimddp", "avx512_vnni", "avx_vnni"} & set(features)),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "memory_mib": int(memory) // 1024,
        "os": (release.get("PRETTY_NAME") or "").strip('"') or None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "venv": has_venv,
        "free_mib": shutil.disk_usage(os.path.expanduser("~")).free >> 20,
        "sysfs": os.path.isdir("/sys/devices/system/cpu"),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "frequency_khz": [
            int(read(path) or 0)
            for path in sorted(glob.glob("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
        ],
        "temperature_c": int(temperature) / 1000 if (temperature or "").isdigit() else None,
        "throttled": read("/sys/devices/platform/soc/soc:firmware/get_throttled"),
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
