"""Whatever a system, a file or a stranger may say: near what it should say, or nothing like it.

`make test` draws the same few examples each time. `python -m tests.fuzz` draws others, as many as it is told to.
"""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, NoReturn

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from include.connectors.wire import ID_BYTES_MAX
from include.ports import RawRecord

EXAMPLES = "TIEOUT_FUZZ_EXAMPLES"
"""In the environment: how many examples each property draws, at random; unset: few, always the same ones."""


def drawing(few: int) -> Any:
    """How many examples a property draws: so many in `make test`."""
    told = os.environ.get(EXAMPLES)
    return settings(
        max_examples=int(told) if told else few,
        derandomize=told is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Hangs(BaseException):
    """It did not end in time. No `except Exception` of ours takes it for something else."""


@contextmanager
def ended_after(seconds: float, what: str) -> Iterator[None]:
    """Whatever is under way after so many seconds is broken off with Hangs; within another such, theirs goes on."""

    def ring(_signal: int, _frame: object) -> NoReturn:
        raise Hangs(f"{what} did not end in {seconds:g} seconds")

    before, began = signal.signal(signal.SIGALRM, ring), monotonic()
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, max(left - (monotonic() - began), 0.001) if left else 0)


class Raw(str):
    """A token that stands in the JSON as it is."""

    __slots__ = ()


ODD = (
    *map(Raw, ("NaN", "-Infinity", "1e400", "1e99999999999999999999", "-0.0", "1.5e2000", "9" * 5_000)),
    *("\ud800", "\0", "a\0b", "", " ", "x" * 2_000, "'", "%", "{{ 7*7 }}", "2026-13-45", "9999-12-31T23:59:59-23:59"),
    *(2**70, -1, 0, True, None, [], {}, [[]], {"": None}, {"id": {"id": []}}),
    [[[[[[[[[[]]]]]]]]]],
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(), max_size=12)
    | st.sampled_from(ODD)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def twisted(draw: st.DrawFn, right: Any) -> Any:
    """A value in which one to three places say something else, are missing, or stand twice."""
    for _ in range(draw(st.integers(1, 3))):
        right = _twist(draw, right)
    return right


def _twist(draw: st.DrawFn, value: Any) -> Any:
    into = isinstance(value, dict | list) and value and draw(st.integers(0, 5))
    if not into:
        return draw(ANYTHING)
    if isinstance(value, dict):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 4)) == 0:
            return {key: one for key, one in value.items() if key != name}
        return {**value, name: _twist(draw, value[name])}
    at = draw(st.integers(0, len(value) - 1))
    what = draw(st.integers(0, 5))
    if what == 0:
        return [*value, value[at]]
    if what == 1:
        return value[:at]
    return [*value[:at], _twist(draw, value[at]), *value[at + 1 :]]


def as_json(value: Any) -> bytes:
    """The value as JSON; what is Raw stands as it is."""
    marks: list[str] = []

    def marked(one: Any) -> Any:
        if isinstance(one, Raw):
            marks.append(str(one))
            return f"\uf8ff{len(marks) - 1}\uf8ff"
        if isinstance(one, dict):
            return {str(name): marked(inner) for name, inner in one.items()}
        return [marked(inner) for inner in one] if isinstance(one, list) else one

    text = json.dumps(marked(value))
    for number, raw in enumerate(marks):
        text = text.replace(f'"\\uf8ff{number}\\uf8ff"', raw)
    return text.encode()


@st.composite
def cut_up(draw: st.DrawFn, right: bytes) -> bytes:
    """Bytes of which a few pieces are taken out, put in, doubled or changed."""
    made = right
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(made)))
        to = min(len(made), at + draw(st.integers(0, 12)))
        new = draw(
            st.binary(max_size=8) | st.sampled_from((b"<", b">", b'"', b"\r", b"\n:61:", b"\0", b"&#0;"))
        )
        made = draw(
            st.sampled_from((made[:at] + made[to:], made[:at] + new + made[to:], made[:to] + made[at:]))
        )
    return made


def assert_storable(records: Sequence[RawRecord]) -> None:
    """Every key can stand in an index, and every text in a database."""
    for record in records:
        for key in (record.native_id, record.version):
            assert 0 < len(key.encode()) <= ID_BYTES_MAX + 20
            assert "\0" not in key
        assert "\0" not in record.place
        record.place.encode()


def assert_texts(row: Any) -> None:
    """A row in our words holds text or nothing."""
    assert {type(value) for value in row.values()} <= {str, type(None)}
