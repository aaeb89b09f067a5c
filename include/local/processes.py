"""Processes named so that a reused process id is not mistaken for the one meant, and locks between them."""

import ctypes
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STATE, PARENT, STARTED = 0, 1, 19
"""Places in /proc/PID/stat after the command name; see proc_pid_stat(5)."""


@dataclass(frozen=True)
class Process:
    """A process id with its start time (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        """The live process with this id; a zombie is not one."""
        fields = _stat(pid)
        return cls(pid, int(fields[STARTED])) if fields and fields[STATE] not in "ZX" else None

    @classmethod
    def myself(cls) -> "Process":
        return cls(os.getpid(), int(_stat(os.getpid())[STARTED]))

    @classmethod
    def read(cls, path: Path) -> "Process | None":
        """The live process that was written to this file."""
        try:
            pid, started = path.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        process = cls(int(pid), int(started))
        return process if process.alive else None

    def write(self, path: Path) -> None:
        path.write_text(f"{self.pid} {self.started}\n")

    @property
    def alive(self) -> bool:
        return Process.find(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Signal the process; one that is gone needs none."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, *, patience_s: float) -> None:
        """Ask the process to end, and kill it when it has not after `patience_s`."""
        self.send(signal.SIGTERM)
        if not wait_for(lambda: not self.alive, timeout_s=patience_s):
            self.send(signal.SIGKILL)
            wait_for(lambda: not self.alive, timeout_s=5.0)


def children(pid: int) -> list[Process]:
    """The live children of a process."""
    found = (
        Process.find(other) for other in all_pids() if (stat := _stat(other)) and int(stat[PARENT]) == pid
    )
    return [process for process in found if process]


def all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def wait_for(condition: Callable[[], object], *, timeout_s: float, every_s: float = 0.03) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def end_with_parent(number: signal.Signals) -> None:
    """Have the kernel send `number` to this process when the thread that started it ends, even by kill -9.

    A change of user clears it, so call it after one; prctl(2).
    """
    _prctl(PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none can get lost; prctl(2)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the kernel frees it when the holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 1 :].split()
