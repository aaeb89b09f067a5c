"""Runs one program and lets nothing it started outlive it.

Told to stop, or left by its own parent (even by kill -9), it asks the program to end, and kills it after a
grace period. When the program has ended, whatever it left behind is ended too: orphans come to the guard, not
to init.

    python -S -m include.local.guard PIDFILE PROGRAM ARGUMENT...
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from include.local.processes import Process, adopt_orphans, children, end_with_parent, wait_for

TOLD_TO_STOP = (signal.SIGTERM, signal.SIGINT)
GRACE_S = 20
ORPHANS_GRACE_S = 3.0
PREDECESSORS_GRACE_S = 5.0


def main(pid_file: Path, *command: str) -> int:
    end_with_parent(signal.SIGTERM)
    adopt_orphans()
    _end_predecessors(pid_file)
    Process.myself().write(pid_file)
    # Told to stop before the handlers stand, it would die and leave the program alone: such a word waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, TOLD_TO_STOP)
    program = subprocess.Popen(command, preexec_fn=_in_program)  # noqa: PLW1509  no thread is running

    def stop(_signal: int, _frame: FrameType | None) -> None:
        program.terminate()
        signal.alarm(GRACE_S)

    def kill(_signal: int, _frame: FrameType | None) -> None:
        program.kill()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGALRM, kill)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TOLD_TO_STOP)
    code = program.wait()
    _end_orphans()
    pid_file.unlink(missing_ok=True)
    return code if code >= 0 else 128 - code


def _in_program() -> None:
    end_with_parent(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TOLD_TO_STOP)


def _end_predecessors(pid_file: Path) -> None:
    """End what a guard killed with -9 left: its process group, which carries its number."""
    if not pid_file.exists():
        return
    group = int(pid_file.read_text().split()[0])
    for number, patience_s in ((signal.SIGTERM, PREDECESSORS_GRACE_S), (signal.SIGKILL, ORPHANS_GRACE_S)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            wait_for(lambda: not _has_members(group), timeout_s=patience_s)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _end_orphans() -> None:
    for orphan in children(os.getpid()):
        orphan.send(signal.SIGTERM)
    wait_for(_none_is_left, timeout_s=ORPHANS_GRACE_S)
    while left := children(os.getpid()):
        # Each one killed hands its own children to us, hence the loop.
        for orphan in left:
            orphan.send(signal.SIGKILL)
        wait_for(_none_is_left, timeout_s=0.1)


def _none_is_left() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
