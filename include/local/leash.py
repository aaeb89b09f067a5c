"""Runs a program in our place that ends when our parent ends, even by kill -9.

python -S -m include.local.leash PROGRAM ARGUMENT...
"""

import os
import signal
import sys

from include.local.processes import end_with_parent

if __name__ == "__main__":
    end_with_parent(signal.SIGTERM)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  no shell is wanted
