"""Reads statements out of a file's bytes with lxml and mt-940, so that nothing is lost: what cannot be read is refused
with a reason, and the rest of the file goes on. Names no field of either format: those are `translate`'s.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import mt940

from include.connectors.bank.client import Format
from include.connectors.bank.translate import (
    NOT_A_STATEMENT,
    Statement,
    camt_statements,
    mt940_statement,
)
from include.connectors.safe_xml import RefusedXml, local_name, read_xml
from include.domain.shown import cut

_REFUSALS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What mt-940 raises over text that is no MT940: it has no error class of its own."""

DEPTH_MAX = 30
"""Elements within elements below the message; CAMT.053 has some fifteen. Each is two levels of what is kept."""

_BLOCK = re.compile(r"(?m)^(?=:20:)")
_FIELD = re.compile(r"(?m)^:[0-9]{2}[A-Z]?:")
_ENTRY = re.compile(r"(?m)^:61:")
_TRAILER = re.compile(r"(?m)^(?:-\}|\{[1-5]:).*\Z", re.DOTALL)
_VARIANTS: tuple[dict[int | str, Any], ...] = (
    {},
    {61: mt940.tags.StatementASNB()},
    {61: mt940.tags.StatementGLS()},
)
"""The standard's entry line, then those of banks that write longer references into it."""

_log = logging.getLogger("mt940")  # it logs every line it cannot read: payers' names and accounts
_log.addHandler(logging.NullHandler())
_log.propagate = False


def read_statements(data: bytes, form: Format) -> Iterator[Statement]:
    """The statements of a file, in its order; one with `refused` set could not be read."""
    if not data.strip():
        return iter([Statement(refused="the file is empty")])
    return _read_camt(data) if form is Format.CAMT else _read_mt940(data)


def _read_camt(data: bytes) -> Iterator[Statement]:
    try:
        root = read_xml(data)
    except RefusedXml as refused:
        yield Statement(refused=str(refused))
        return
    kinds = {local_name(child.tag) for child in root} if local_name(root.tag) == "Document" else set()
    kind = next(iter(kinds)) if len(kinds) == 1 else ""
    if kind not in NOT_A_STATEMENT:
        yield Statement(
            refused=f"is no CAMT.053 statement: <{local_name(root.tag)}> holds <{', '.join(sorted(kinds))}>"
        )
    elif NOT_A_STATEMENT[kind]:
        yield Statement(refused=NOT_A_STATEMENT[kind])
    else:
        try:
            messages = [_node(message) for message in root]
        except RefusedXml as refused:
            yield Statement(refused=str(refused))
            return
        found = [statement for message in messages for statement in camt_statements(message)]
        yield from found or [Statement(refused="holds no statement")]


def _node(element: Any, depth: int = 0) -> Any:
    """An element as JSON: its text, or its children by local name in lists, attributes after an @.

    Raises RefusedXml.
    """
    if depth > DEPTH_MAX:
        raise RefusedXml(f"nests elements deeper than {DEPTH_MAX} levels, which no statement does")
    node: dict[str, Any] = {f"@{local_name(name)}": value for name, value in element.attrib.items()}
    for child in element:
        node.setdefault(local_name(child.tag), []).append(_node(child, depth + 1))
    text = (element.text or "").strip()
    if not node:
        return text
    return node | {"#": text} if text else node


def _read_mt940(data: bytes) -> Iterator[Statement]:
    preamble, *blocks = _BLOCK.split(_decoded(data))
    if _FIELD.search(preamble):
        yield Statement(
            source={"text": preamble}, refused="fields stand before the first :20:, so its head is missing"
        )
    elif not blocks:
        yield Statement(refused="holds no :20:, so no MT940 statement")
    for block in blocks:
        yield _read_block(_TRAILER.sub("", block))


def _read_block(block: str) -> Statement:
    for variant in _VARIANTS:
        transactions = mt940.models.Transactions(tags=variant, options=mt940.Options.all())
        try:
            transactions.parse(block)
            header, entries = _plain(transactions.data), [_plain(entry.data) for entry in transactions]
        except _REFUSALS:
            continue
        statement = mt940_statement(header, entries)
        lines = len(_ENTRY.findall(block))
        if lines == len(statement.entries):
            return statement
        reason = f"{lines} entry lines (:61:) stand in it, {len(statement.entries)} could be read"
        return Statement(source={"text": block}, refused=reason)
    return Statement(source={"text": block}, refused=f"mt-940 cannot read it: {_unreadable(block)}")


def _unreadable(block: str) -> str:
    """The first entry line the standard does not allow, without its references; else that a field is wrong."""
    for number, line in enumerate(block.splitlines(), start=1):
        if line.startswith(":61:") and not re.match(
            r":61:[0-9]{6}([0-9]{4}|\s{4})?R?[DC][A-Z]?[0-9]+,[0-9]*", line
        ):
            return f"line {number} of it starts {cut(line, 24)!r}, which is no entry line"
    return "a field does not have its form"


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """mt-940's values as JSON: amounts and dates as text."""
    return {name: _value(value) for name, value in data.items() if value is not None}


def _value(value: Any) -> Any:
    match value:
        case mt940.models.Balance():
            return {"amount": _value(value.amount), "date": _value(value.date), "status": value.status}
        case mt940.models.Amount():
            return {"amount": f"{value.amount:f}", "currency": value.currency}
        case None | str():
            return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _decoded(data: bytes) -> str:
    """SWIFT's own alphabet is ASCII; banks also send UTF-8 or Latin-1, which differ in names only, never in amounts."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
