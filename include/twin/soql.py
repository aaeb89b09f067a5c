"""Salesforce's query language: from text to a Query. What is not SOQL raises MalformedQuery."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from include.twin.soql_days import is_day_name
from include.twin.world import parse_instant, parse_number

T = TypeVar("T")
Value = str | int | float | bool | None

FUNCTIONS = {"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"}
_COMPARATORS = {"=", "!=", "<>", "<", ">", "<=", ">=", "LIKE", "IN", "NOT"}
_CLAUSES = {"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_TOKEN = re.compile(
    r"""\s*(?: (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
          | (?P<date>\d{4}-\d\d-\d\d)
          | (?P<number>[+-]?\d+(?:\.\d+)?)
          | (?P<string>'(?:[^'\\]|\\.)*')
          | (?P<name>(?i:LAST_N_DAYS|NEXT_N_DAYS|N_DAYS_AGO):\d+|[A-Za-z_]\w*(?:\.\w+)*)
          | (?P<sign><=|>=|!=|<>|[=<>(),])
          | (?P<end>\Z) )""",
    re.VERBOSE | re.DOTALL,
)


class MalformedQuery(Exception):
    """The text is not SOQL."""


@dataclass(frozen=True)
class Literal:
    """`kind`: string, number, boolean, null, date or datetime (its value as Salesforce prints it), or days.

    `text`: a string as written, its escapes unresolved, because LIKE gives some of them a meaning of its own.
    """

    kind: str
    value: Value
    text: str = ""


@dataclass(frozen=True)
class Comparison:
    field: str
    operator: str
    literals: tuple[Literal, ...]


@dataclass(frozen=True)
class Logic:
    """`word`: AND, OR, or NOT (of one part)."""

    word: str
    parts: tuple["Condition", ...]


Condition = Comparison | Logic


@dataclass(frozen=True)
class Column:
    """A field, or a function of one; `field` is empty in COUNT()."""

    field: str
    function: str = ""
    alias: str = ""


@dataclass(frozen=True)
class Order:
    column: Column
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Children:
    """A query in the place of a column: the children by the name of their relationship."""

    query: "Query"


@dataclass(frozen=True)
class Query:
    """`sobject` is a relationship's name in a query of children."""

    columns: tuple[Column, ...]
    children: tuple[Children, ...]
    sobject: str
    where: Condition | None
    group_by: tuple[str, ...]
    order_by: tuple[Order, ...]
    limit: int | None
    offset: int


def parse(text: str) -> Query:
    """Raises MalformedQuery, naming the token that does not fit."""
    try:
        return _Parser(text).query()
    except RecursionError:
        raise MalformedQuery("the conditions are nested too deeply") from None


def stamp(instant: datetime) -> str:
    """An instant in UTC as Salesforce prints it: whole seconds, and so ordered as text."""
    return instant.replace(tzinfo=None, microsecond=0).isoformat() + ".000+0000"


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def query(self) -> Query:
        query = self._select()
        if self._kind() != "end":
            raise self._unexpected()
        return query

    def _select(self) -> Query:
        self._expect("SELECT")
        columns = self._several(self._column_or_children)
        self._expect("FROM")
        return Query(
            columns=tuple(column for column in columns if isinstance(column, Column)),
            children=tuple(column for column in columns if isinstance(column, Children)),
            sobject=self._name(),
            where=self._condition() if self._take("WHERE") else None,
            group_by=self._by("GROUP", self._name),
            order_by=self._by("ORDER", self._order),
            limit=self._whole_number() if self._take("LIMIT") else None,
            offset=self._whole_number() if self._take("OFFSET") else 0,
        )

    def _column_or_children(self) -> Column | Children:
        if not self._take("("):
            return self._column()
        children = Children(self._select())
        self._expect(")")
        return children

    def _by(self, word: str, part: Callable[[], T]) -> tuple[T, ...]:
        if not self._take(word):
            return ()
        self._expect("BY")
        return self._several(part)

    def _column(self) -> Column:
        name = self._name()
        if name.upper() not in FUNCTIONS or not self._take("("):
            return Column(name)
        field = "" if self._word() == ")" else self._name()
        self._expect(")")
        if not field and name.upper() != "COUNT":
            raise MalformedQuery(f"unexpected token: ')' ({name} needs a field)")
        has_alias = self._kind() == "name" and self._word() not in _CLAUSES | {"ASC", "DESC", "NULLS"}
        return Column(field, name.upper(), self._name() if has_alias else "")

    def _order(self) -> Order:
        column = self._column()
        descending = bool(self._take("DESC"))
        if not descending:
            self._take("ASC")
        if not self._take("NULLS"):
            return Order(column, descending, nulls_last=False)
        nulls_last = bool(self._take("LAST"))
        if not nulls_last:
            self._expect("FIRST")
        return Order(column, descending, nulls_last)

    def _condition(self) -> Condition:
        parts = [self._term()]
        # Salesforce refuses AND beside OR without parentheses; so one word joins all parts of a level.
        word = self._word() if self._word() in {"AND", "OR"} else ""
        while word and self._take(word):
            parts.append(self._term())
        if self._word() in {"AND", "OR"}:
            raise self._unexpected()
        return Logic(word, tuple(parts)) if word else parts[0]

    def _term(self) -> Condition:
        if self._take("NOT"):
            return Logic("NOT", (self._term(),))
        if self._take("("):
            inside = self._condition()
            self._expect(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Comparison:
        field, operator = self._name(), self._word()
        if operator not in _COMPARATORS:
            raise self._unexpected()
        self._at += 1
        if operator == "NOT":
            self._expect("IN")
            operator = "NOT IN"
        if not operator.endswith("IN"):
            return Comparison(field, operator.replace("<>", "!="), (self._literal(),))
        self._expect("(")
        literals = self._several(self._literal)
        self._expect(")")
        return Comparison(field, operator, literals)

    def _literal(self) -> Literal:
        kind, text = self._tokens[self._at]
        literal = _literal(kind, text)
        if literal is None:
            raise self._unexpected()
        self._at += 1
        return literal

    def _several(self, part: Callable[[], T]) -> tuple[T, ...]:
        parts = [part()]
        while self._take(","):
            parts.append(part())
        return tuple(parts)

    def _whole_number(self) -> int:
        kind, text = self._tokens[self._at]
        if kind != "number" or not text.isdigit():
            raise self._unexpected()
        self._at += 1
        return int(text)

    def _name(self) -> str:
        if self._kind() != "name":
            raise self._unexpected()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _word(self) -> str:
        kind, text = self._tokens[self._at]
        return text.upper() if kind in {"name", "sign"} else ""

    def _take(self, word: str) -> str | None:
        if self._word() != word:
            return None
        self._at += 1
        return word

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(word)

    def _unexpected(self, wanted: str = "") -> MalformedQuery:
        token = self._tokens[self._at][1] or "<EOF>"
        return MalformedQuery(f"unexpected token: '{token}'" + (f", expecting {wanted}" if wanted else ""))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while not tokens or tokens[-1][0] != "end":
        found = _TOKEN.match(text, position)
        if found is None:
            raise MalformedQuery(f"unexpected token: '{text[position:].strip()[:20]}'")
        tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
        position = found.end()
    return tokens


def _literal(kind: str, text: str) -> Literal | None:
    """None when the token is no literal, or names a day that is not in the calendar."""
    if kind == "string":
        value = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
        # Salesforce keeps no empty text: '' means null.
        return Literal(kind if value else "null", value or None, text[1:-1])
    if kind == "number":
        return Literal(kind, _number(text.removeprefix("+")))
    if kind == "name":
        words: dict[str, Value] = {"true": True, "false": False, "null": None}
        if text.lower() in words:
            return Literal("null" if text.lower() == "null" else "boolean", words[text.lower()])
        return Literal("days", text) if is_day_name(text) else None
    instant = parse_instant(text) if kind in {"date", "datetime"} else None
    if instant is None:
        return None
    return Literal(kind, text if kind == "date" else stamp(instant))


def _number(text: str) -> int | float:
    number = parse_number(text)
    return float(text) if number is None else number
