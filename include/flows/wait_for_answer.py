"""Asks, and waits for the answer for so long; what comes later is not thrown away."""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from include.ports import Uncertain

T = TypeVar("T")


class Slow(Uncertain):
    """The answer has not come, and may yet."""


class Answer(Generic[T]):
    """What came of asking: a value, or what was raised in its place."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._given: list[T] = []
        self._raised: BaseException | None = None
        try:
            self._given.append(ask())
        except BaseException as error:  # noqa: BLE001  # raised again where it is read
            self._raised = error

    def read(self) -> T:
        """The value. Raises what was raised."""
        if self._raised is not None:
            raise self._raised
        return self._given[0]


def wait_for_answer(
    ask: Callable[[], T], *, seconds: float, late: Callable[[Answer[T]], None], name: str
) -> T:
    """What `ask` returns or raises, in a thread of that name.

    Raises Slow after so many seconds; then `late` has the answer when it comes, in that thread.
    """
    said: SimpleQueue[Answer[T]] = SimpleQueue()
    handing_over, left = Lock(), Event()

    def asking() -> None:
        answer = Answer(ask)
        with handing_over:
            if not left.is_set():
                said.put(answer)
                return
        late(answer)

    Thread(target=asking, name=name, daemon=True).start()
    with suppress(Empty):
        return said.get(timeout=seconds).read()
    with handing_over:
        if not said.empty():
            return said.get().read()
        left.set()
    raise Slow(f"no whole answer in {seconds:.0f} seconds")
