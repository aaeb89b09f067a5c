"""Runs supervisord in the foreground, optionally on the leash of the process that started it.

python -m include.local.supervise CONFIGURATION [PARENT]
"""

import os
import resource
import signal
import sys

from supervisor import supervisord  # type: ignore[import-untyped]

from include.local.processes import end_with_parent


def main(configuration: str, parent: str = "") -> None:
    if parent:
        end_with_parent(signal.SIGTERM)
        if os.getppid() != int(parent):
            return
    # What dies of a crash would leave its memory in a file, and with it the keys it works with.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    supervisord.main(["--nodaemon", "--configuration", configuration])


if __name__ == "__main__":
    main(*sys.argv[1:])
