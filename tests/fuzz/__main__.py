"""`python -m tests.fuzz 5000`: so many examples of each property of this folder, other ones each time."""

import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.anything import EXAMPLES


def main(words: list[str]) -> int:
    """Exit code 1 when an example broke something; pytest shows it, and how to draw it again."""
    os.environ[EXAMPLES] = str(int(words[0])) if words else "1000"
    command = [sys.executable, "-m", "pytest", str(Path(__file__).parent), "-q", "-p", "no:cacheprovider"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
