"""What Postgres refuses, named by what to do next, and without the rows and values it quotes."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from include import ports

_RETRYABLE_CLASSES = ("08", "40", "53", "55", "57")
"""SQLSTATE classes worth another try: connection, rollback, resources, object in use, operator intervention."""

_ENDED_IDLE = "25P03"
_DISK_FULL = "53100"

_UNSTORABLE = {"22021", "22P05"}
"""SQLSTATEs of text that no column can hold, such as a NUL."""

_UNHELD = "Postgres cannot hold a character of it"

_ABSENT = {"3F000", "42P01", "42703"}
"""SQLSTATEs of a missing schema, table or column."""


@contextmanager
def named_by_what_to_do() -> Iterator[None]:
    """Turns psycopg's errors into ours."""
    try:
        yield
    except UnicodeEncodeError:  # half a character, which no encoding has
        raise ports.Rejected(_UNHELD, reason="MALFORMED_PAYLOAD") from None
    except psycopg.Error as error:
        if error.sqlstate == _ENDED_IDLE:
            raise ports.Retryable(
                "Postgres ended a transaction that said nothing for too long; nothing of it was kept"
            ) from None
        if error.sqlstate == _DISK_FULL:
            raise ports.Retryable(
                f"Postgres: the disk is full ({_said(error)}); nothing of it was kept. Make room, and the same goes on"
            ) from None
        if isinstance(error, psycopg.OperationalError) or (error.sqlstate or "")[:2] in _RETRYABLE_CLASSES:
            raise ports.Retryable(f"Postgres: {_said(error)}") from None
        if error.sqlstate in _UNSTORABLE or (isinstance(error, psycopg.DataError) and not error.sqlstate):
            raise ports.Rejected(_UNHELD, reason="MALFORMED_PAYLOAD") from None
        if error.sqlstate in _ABSENT:
            raise ports.Fatal(
                f"the database lacks what it should have ({_said(error)}); "
                "`tieout migrate` brings it to the newest schema"
            ) from None
        raise ports.Fatal(
            f"Postgres refuses what it was given, which is a fault of ours: {_said(error)}"
        ) from None


def _said(error: psycopg.Error) -> str:
    """What is wrong, without the rows and values that Postgres tells as detail, hint and context.

    Of a value that does not fit it quotes the value itself: there only the kind of fault is told.
    """
    if (error.sqlstate or "").startswith("22"):
        return f"a value does not fit ({type(error).__name__}, {error.sqlstate})"
    words = error.diag.message_primary or next(iter(str(error).strip().splitlines()), type(error).__name__)
    told = [words, error.diag.constraint_name and f"constraint {error.diag.constraint_name}", error.sqlstate]
    return f"{told[0]} ({', '.join(filter(None, told[1:]))})" if any(told[1:]) else words
