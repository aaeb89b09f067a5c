"""Keeps a server running for as long as anybody holds a lease on it, and stops it after.

A lease is a shared lock on a file, so the kernel ends it with its holder, also after kill -9. The keeper asks
for the exclusive lock and gets it when the last lease is gone. Run detached by postgres.py, with the standard
library alone:

    python -S -m include.local.keeper LEASES PIDFILE USER GROUP PROGRAM ARGUMENT...

USER and GROUP are ids, or - to stay the user one is.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType

from include.local.processes import Process, end_with_parent

STAY = "-"
FAST_STOP = signal.SIGINT
"""Postgres ends its sessions and closes the files in order; see the manual's "Shutting Down the Server"."""


def main(leases: Path, pid_file: Path, user: str, group: str, *command: str) -> int:
    if pid := os.fork():
        # Detached: the keeper outlives the command that happened to need the server first.
        if process := Process.find(pid):
            process.write(pid_file)
        return 0
    os.setsid()
    server = _start(command, user, group)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.send_signal(FAST_STOP)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_after_the_last_lease, args=(leases, server), daemon=True).start()
    return server.wait()


def _start(command: tuple[str, ...], user: str, group: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        umask=0o077,
        preexec_fn=partial(end_with_parent, FAST_STOP),  # noqa: PLW1509  no thread is running yet
        user=None if user == STAY else int(user),
        group=None if group == STAY else int(group),
        extra_groups=None if user == STAY else [],
    )


def _stop_after_the_last_lease(leases: Path, server: "subprocess.Popen[bytes]") -> None:
    descriptor = os.open(leases, os.O_RDWR | os.O_CREAT, 0o600)
    # Never closed: new leases wait until this process, and with it the server, is gone.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    server.send_signal(FAST_STOP)


if __name__ == "__main__":
    leases, pid_file, *rest = sys.argv[1:]
    sys.exit(main(Path(leases), Path(pid_file), *rest))
