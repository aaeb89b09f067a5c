"""Where all state lives."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = dict[str, Any]
"""One row of a query, by column name."""

Names = Mapping[str, str | Sequence[str]]
"""What fills the `{braces}` of a statement written for any table: an identifier (`schema.table`) or a list of them."""


class Transaction(Protocol):
    """Named queries of `sql/queries` inside one transaction; what a flow decides in it commits at once."""

    def rows(self, name: str, **params: Any) -> list[Row]:
        """The rows of a query."""

    def run(self, name: str, **params: Any) -> int:
        """Execute a statement; the number of rows it touched."""

    def run_for(self, name: str, *, names: Names, **params: Any) -> int:
        """Execute a statement whose `{table}` and the like are filled with identifiers; the rows it touched."""

    def rows_for(self, name: str, *, names: Names, **params: Any) -> list[Row]:
        """The rows of a query whose `{table}` and the like are filled with identifiers."""

    def apart(self) -> AbstractContextManager[None]:
        """A part of the transaction that is taken back alone when it fails. Raises as a transaction does."""

    def stream(self, name: str, **params: Any) -> Iterator[Row]:
        """The rows of a query, fetched in portions as they are asked for; other queries may run in between."""

    def copy_out(self, name: str, **params: Any) -> Iterator[bytes]:
        """The rows of a query as CSV with a header, piece by piece; nothing else may run before the last piece."""

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """COPY rows into a table; how many there were. `rows` must not query: the connection is busy copying."""


class Store(Protocol):
    """Where all state lives."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """All or nothing. Raises Retryable when the database is away or rolled us back."""


class PromptStore(Store, Protocol):
    """A store for whoever has one thing to keep and somebody waiting for it."""

    def one_by_one(self) -> AbstractContextManager[Transaction]:
        """Each statement commits by itself, and costs no more than it takes. Raises as a transaction does."""


class LockingStore(Store, Protocol):
    """A store that can keep others out while nothing of it is open: what asks other systems takes minutes."""

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Whether nobody else is inside of the same name, until the end, or until who is inside dies.

        Holds a connection and no transaction. Raises Retryable when the database is away.
        """


class QueueingStore(Store, Protocol):
    """A store in which one waits for the other."""

    def in_turn(self, name: str, *, patience_s: int) -> AbstractContextManager[Store]:
        """The same store, once nobody else is inside of the same name; who is inside and dies leaves at once.

        What is done in it is done over the connection that holds the turn: without the one there is not the other.
        Raises Retryable when the turn does not come in time, or the database is away.
        """
