"""Every test of this folder ends in time and in so much memory, or is ended."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.anything import EXAMPLES, ended_after

TEST_S_MAX = 120
"""Of one property with its few examples, also beside other work: most take a second or two."""
EXAMPLE_S = 1
"""Of each example beyond those few: most take some thousandths."""
GROWTH_BYTES_MAX = 2**28
"""Above what the process has when a test begins; what is read here is kilobytes."""


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    seconds = TEST_S_MAX + EXAMPLE_S * int(os.environ.get(EXAMPLES, "0"))
    with ended_after(seconds, "the whole test"), no_larger_by(GROWTH_BYTES_MAX):
        yield


class no_larger_by:  # noqa: N801  # read as a word
    """Whoever asks for more memory than so many bytes above what there is gets a MemoryError."""

    def __init__(self, growth: int) -> None:
        self._growth = growth

    def __enter__(self) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        self._before = resource.getrlimit(resource.RLIMIT_AS)
        most = pages * resource.getpagesize() + self._growth
        resource.setrlimit(resource.RLIMIT_AS, (most, self._before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, self._before)
