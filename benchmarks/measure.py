"""Runs a command and says what it and all that it started took: CPU time, wall time, peak memory."""

import ctypes
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Run:
    status: int
    timed_out: bool
    cpu_seconds: float
    wall_seconds: float
    #: Of the largest single process.
    peak_bytes: int
    output: str
    errors: str


def adopt_orphans():
    """What a command leaves behind becomes our child when its parent ends, so that its time can be had. Call once."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command, timeout=None, environment=None, folder=None, idle=None):
    """The command in a session of its own; past `timeout` seconds, it and its children are ended.

    `idle`: for what goes on by itself: after so many seconds in which it did next to nothing it is asked to end.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=folder,
            env={**os.environ, **(environment or {})}, start_new_session=True)
        expired = threading.Event()

        def end():
            expired.set()
            _signal(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, end) if timeout else None
        if timer:
            timer.start()
        if idle:
            threading.Thread(target=_stop_when_idle, args=(process.pid, idle), daemon=True).start()
        # With the children that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        if timer:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        usages = [usage] + _collect_orphans(process.pid)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return Run(
            status=process.returncode, timed_out=expired.is_set(),
            cpu_seconds=sum(usage.ru_utime + usage.ru_stime for usage in usages), wall_seconds=wall,
            peak_bytes=max(usage.ru_maxrss for usage in usages) * 1024, output=texts[0], errors=texts[1])


def _stop_when_idle(pid, seconds):
    """Asks a process to end once it takes less than a fiftieth of a core. A start is no idleness: that is over within `seconds`."""
    try:
        before = _cpu_ticks(pid)
        while True:
            time.sleep(seconds)
            now = _cpu_ticks(pid)
            if now - before < os.sysconf("SC_CLK_TCK") * seconds / 50:
                return os.kill(pid, signal.SIGTERM)
            before = now
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended


def _cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _signal(group, number):
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _collect_orphans(group):
    """Ends and reaps what is left of a process group, which has become ours."""
    usages = []
    _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + 5
    while True:
        try:
            pid, _, usage = os.wait4(-group, os.WNOHANG)
        except ChildProcessError:
            return usages
        if pid:
            usages.append(usage)
        elif time.monotonic() > deadline:
            _signal(group, signal.SIGKILL)
            deadline = float("inf")
        else:
            time.sleep(0.01)


