"""What bounds the tests of this folder does bound them."""

import os
import signal

import pytest

from tests.fuzz.anything import EXAMPLES, Hangs, ended_after
from tests.fuzz.conftest import EXAMPLE_S, GROWTH_BYTES_MAX, TEST_S_MAX, no_larger_by


def loop() -> None:
    while True:
        pass


def test_every_test_of_this_folder_has_its_time_and_its_memory() -> None:
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < left <= TEST_S_MAX + EXAMPLE_S * int(os.environ.get(EXAMPLES, "0"))
    with pytest.raises(MemoryError):
        bytearray(2 * GROWTH_BYTES_MAX)


def test_what_goes_on_for_ever_is_broken_off() -> None:
    with pytest.raises(Hangs, match="a loop did not end"), ended_after(0.05, "a loop"):
        loop()


def test_what_takes_memory_without_an_end_gets_no_more() -> None:
    with pytest.raises(MemoryError), no_larger_by(2**20):
        bytearray(2**27)
    assert bytearray(2**27)
