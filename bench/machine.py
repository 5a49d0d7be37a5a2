"""The machine under the measurements: its cores, and what a process has used of them."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import apsw

_PROC = Path("/proc")


def pin(core: int) -> None:
    """Keep this process on one core, where the system can do that and has so many."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


def unpin() -> None:
    """Let this process run on every core again."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def processor_s(pid: int) -> float:
    """Seconds of processor time that all threads of a process have used."""
    tasks = _PROC / str(pid) / "task"
    if tasks.is_dir():
        counted = [(task / "schedstat").read_text().split()[0] for task in tasks.iterdir()]
        return sum(map(int, counted)) / 1e9
    text = _told_by_ps(pid, "time")  # [[days-]hours:]minutes:seconds.hundredths
    seconds = 0.0
    for part in text.replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def resident_mib(pid: int) -> float:
    """The memory that a process holds, in MiB."""
    return int(_told_by_ps(pid, "rss")) / 1024 if not _PROC.is_dir() else _resident(pid)


def _resident(pid: int) -> float:
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has ended")


def _told_by_ps(pid: int, what: str) -> str:
    command = ["ps", "-o", f"{what}=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def sentence() -> str:
    """The machine in one line."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {sys.version.split()[0]}, SQLite {apsw.sqlite_lib_version()}"
    )
