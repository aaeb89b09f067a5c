"""Work on rows by the ten thousand."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 200_000
"""New objects after which Python looks among them for rings that nobody holds any more: more than a page has."""

_USUAL = gc.get_threshold()


@contextmanager
def in_bulk() -> Iterator[None]:
    """Rows hold no rings: nobody looks through a page again and again, nor through what was there before it."""
    gc.freeze()
    gc.set_threshold(OBJECTS, *_USUAL[1:])
    try:
        yield
    finally:
        gc.set_threshold(*_USUAL)
        gc.unfreeze()


def tidy() -> None:
    """Between two batches, when their rows are gone: what rings the work itself left go as well."""
    gc.collect()
