"""What the numbers were measured on, and with which compiler and libraries."""

import os
import platform
import re
import subprocess


def describe(swift):
    version = _output([*swift.split(), "--version"])
    libraries = {
        name: _output(["dpkg-query", "--show", "--showformat=${Version}", package])
        for name, package in [("librdkafka", "librdkafka-dev"), ("RocksDB", "librocksdb-dev"),
                              ("simdjson", "libsimdjson-dev"), ("zstd", "libzstd-dev")]
    }
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    with open("/etc/os-release") as file:
        system = re.search(r'^PRETTY_NAME="?([^"\n]*)', file.read(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model.group(1).strip() if model else "unknown",
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": system.group(1) if system else "unknown",
        "swift": (re.search(r"Swift version (\S+)", version) or [None, "unknown"])[1],
        "libraries": libraries,
    }


def sentence(machine):
    return (f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}, "
            f"Swift {machine['swift']}")


def runs_the_same_instructions(one, other):
    """Whether two machines run the same code: counts of instructions can be compared."""
    return all(one.get(key) == other.get(key) for key in ("architecture", "swift", "libraries"))


def _output(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
