"""What bounds the tests of this folder does bound them."""

import pytest

from tests.fuzz.anything import Hangs, ended_after
from tests.fuzz.conftest import no_larger_by


def loop() -> None:
    while True:
        pass


def test_what_goes_on_for_ever_is_broken_off() -> None:
    with pytest.raises(Hangs, match="a loop did not end"), ended_after(0.05, "a loop"):
        loop()


def test_what_takes_memory_without_an_end_gets_no_more() -> None:
    with pytest.raises(MemoryError), no_larger_by(2**20):
        bytearray(2**27)
    assert bytearray(2**27)
