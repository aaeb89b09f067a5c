"""What the commands share: the database they work on, who somebody says to be, and how they print."""

import json
import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from include.domain.break_life import NotAllowed, identity
from include.domain.shown import json_on_terminal, on_terminal
from include.local.home import Home
from include.ports import NothingUsable, Rejected

if TYPE_CHECKING:
    from include.store.postgres import PostgresStore

As = Annotated[str, typer.Option("--as", help="Who you are: a login or mail address.")]
SESSION, NO_SESSION = Path("/proc/self/loginuid"), 2**32 - 1
"""Whose login began this process, as the kernel keeps it; and what stands there for nobody's."""
Json = Annotated[bool, typer.Option("--json", help="JSON instead of tables and sentences.")]


def named(actor: str) -> str:
    """Who somebody says to be, as history keeps it. Raises NothingUsable on what is no person's login or address."""
    try:
        return identity(actor)
    except NotAllowed as nobody:
        raise NothingUsable(f"say who you are with --as: {nobody}") from None


def os_login() -> str:
    """Who logged in at this machine: by what the kernel keeps of the session, which sudo and su leave as it was."""
    number = os.getuid()
    with suppress(OSError, ValueError):
        session = int(SESSION.read_text())
        number = number if session == NO_SESSION else session
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@contextmanager
def store_here(role: str = "tieout_app") -> Iterator["PostgresStore"]:
    """The database, under the role of programs that decide, or another.

    The embedded one is brought to the newest schema, another one is left as it is.
    """
    from include.local.postgres import server
    from include.store.migrate import migrate
    from include.store.postgres import As, PostgresStore

    who = As(role, "cli", os_login=os_login())
    if url := os.environ.get("TIEOUT_DATABASE_URL"):
        yield PostgresStore(url, who=who)
        return
    with server(Home.from_environment()) as urls:
        migrate(urls.app)
        yield PostgresStore(urls.app, who=who)


def print_new_key(path: Path) -> None:
    """Make a key to seal with, and say its public key. Raises Rejected where the file cannot be made."""
    from include.signing import fingerprint, make_key

    try:
        public_key = make_key(path)
    except FileExistsError:
        raise Rejected(
            f"{path} is there already, and a key is never written over: name another file"
        ) from None
    except OSError as error:
        raise Rejected(f"{path} cannot be made: {error.strerror}") from None
    print(f"{path}: public key {public_key}, fingerprint {fingerprint(public_key)}")


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Rows below their header, each column as wide as its widest cell."""
    shown = [tuple(on_terminal(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def print_json(value: object) -> None:
    """Dates and ids as text."""
    told = json.dumps(value, default=as_text, ensure_ascii=False, indent=1)
    print(json_on_terminal(told))


def as_text(value: object) -> str:
    """A moment to the second; all else as it is."""
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
