"""The words of CAMT.053 (ISO 20022, versions 2 to 14) and of MT940 (as mt-940 names them) in canonical terms.

One booking is one bank line: what moved the balance. The transactions batched in it give it their references and names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from include.connectors.bank.slashes import in_fields
from include.domain.money import AMOUNT
from include.domain.shown import cut
from include.domain.statements import Balances
from include.ports import Translated

Node = Any
"""An element as `reader` gives it: text, or children by name in lists."""

NOT_A_STATEMENT = {
    "BkToCstmrStmt": "",
    "BkToCstmrAcctRpt": "is CAMT.052, an interim report: its entries come again in the day's CAMT.053 statement",
    "BkToCstmrDbtCdtNtfctn": "is CAMT.054, a notification: its entries come again in the day's CAMT.053 statement",
}
"""The messages of cash management, and why one is not read."""

REFERENCE_MAX = 9_000
"""Characters of the references of one line that are kept; a batch of thousands has more, all in the payload."""

_UNSIGNED = re.compile(r"\+?([0-9]*)\.?([0-9]*)")
_EMPTY_WORDS = {"", "NOTPROVIDED", "NONREF"}
_BOOKED = {"", "BOOK"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One booking as received; `damage` says why it cannot be used, `counts` whether it belongs to the balances."""

    payload: Mapping[str, Any]
    reference: str = ""
    damage: str = ""
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement, or with `refused` why it is none; `source` is then what was received."""

    account: str = ""
    id: str = ""
    balances: Balances = field(default_factory=Balances)
    entries: Sequence[Entry] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""


def translate(payload: Mapping[str, Any]) -> Translated:
    """A booking in canonical names; what is no booking (a file, a whole statement) has none of them."""
    if "camt" in payload:
        words = _camt_words(payload["camt"], payload.get("account_currency"))
    elif "mt940" in payload:
        words = _mt940_words(payload["mt940"])
    else:
        return {}
    return {"id": payload["id"], "account": payload["account"] or None, **words}


def booked_on(payload: Mapping[str, Any]) -> str:
    """The day the bank booked an entry, as written; empty where it states its value day alone."""
    if "camt" in payload:
        return _day(_first(payload["camt"], "BookgDt/Dt", "BookgDt/DtTm")) or ""
    return str(payload["mt940"].get("entry_date") or "")


def column(name: str) -> str:
    """What the formats call a canonical field."""
    return {
        "account": "Acct/Id or :25:",
        "value_date": "ValDt or :61:",
        "currency": "Amt/@Ccy or :60F:",
        "amount": "Amt or :61:",
        "reference": "RmtInf, Refs or :86:",
        "payer_text": "RltdPties or :86:",
    }.get(name, name)


def camt_statements(message: Node) -> Iterator[Statement]:
    """The statements of one BkToCstmrStmt."""
    page = _first(message, "GrpHdr/MsgPgntn/PgNb")
    last = _first(message, "GrpHdr/MsgPgntn/LastPgInd")
    for statement in _all(message, "Stmt"):
        own = _first(statement, "StmtPgntn/PgNb")
        paged = own or ("" if (page, last) == ("1", "true") else page)
        currency = _first(statement, "Acct/Ccy")
        yield Statement(
            account=_first(statement, "Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Id/PrtryAcct/Id").replace(
                " ", ""
            ),
            id=_first(statement, "Id") + (f" page {paged}" if paged else ""),
            balances=_camt_balances(statement),
            entries=[_camt_entry(node, currency) for node in _all(statement, "Ntry")],
            source={"statement": statement},
        )


def _camt_balances(statement: Node) -> Balances:
    found: dict[str, dict[str, Decimal]] = {}
    for balance in _all(statement, "Bal"):
        code = _first(balance, "Tp/CdOrPrtry/Cd", "Tp/Cd")
        amount = _signed(balance)
        if amount and AMOUNT.fullmatch(amount):
            currency = _first(balance, "Amt/@Ccy")
            # Of a code stated twice the first counts; interim balances come as a pair, the second closes the page.
            name = "ITBD 2" if code == "ITBD" and currency in found.get("ITBD", {}) else code
            found.setdefault(name, {}).setdefault(currency, Decimal(amount))
    booked = found.get("PRCD", {}) | found.get(
        "OPBD", {}
    )  # what it closed with before is what it opens with now
    interim = found.get("ITBD" if booked else "ITBD 2", {})
    return Balances(opening=booked or found.get("ITBD", {}), closing=interim | found.get("CLBD", {}))


def _camt_entry(node: Node, account_currency: str) -> Entry:
    status = _first(node, "Sts/Cd", "Sts/Prtry", "Sts")
    mark = _first(node, "CdtDbtInd")
    damage = ""
    if status not in _BOOKED:
        damage = f"status {cut(repr(status), 40)}: not booked; it comes again once it is"
    elif mark not in ("CRDT", "DBIT"):
        damage = f"CdtDbtInd {cut(repr(mark), 40)} is neither CRDT nor DBIT"
    elif not AMOUNT.fullmatch(_signed(node) or ""):
        damage = f"amount {cut(repr(_first(node, 'Amt')), 40)} is not an unsigned decimal number"
    return Entry(
        payload={"camt": node, "account_currency": account_currency},
        reference=_first(node, "AcctSvcrRef"),
        damage=damage,
        counts=status in _BOOKED,
    )


def _camt_words(node: Node, account_currency: str | None) -> dict[str, str | None]:
    other = "Dbtr" if _first(node, "CdtDbtInd") == "CRDT" else "Cdtr"
    details = _all(node, "NtryDtls/TxDtls")
    names = (
        _first(detail, *(f"RltdPties/{party}/{path}" for party in (other, f"Ultmt{other}") for path in _NAME))
        for detail in details
    )
    references = [text for path in _REMITTANCE for detail in details for text in _texts(detail, path)]
    references += [text for path in ("AddtlNtryInf", "NtryRef", "AcctSvcrRef") for text in _texts(node, path)]
    return {
        "value_date": _day(_first(node, "ValDt/Dt", "ValDt/DtTm", "BookgDt/Dt", "BookgDt/DtTm")),
        "currency": _first(node, "Amt/@Ccy") or account_currency or None,
        "amount": _signed(node),
        "reference": _joined(references),
        "payer_text": _joined(names),
    }


_NAME = ("Nm", "Pty/Nm", "Agt/FinInstnId/Nm")  # from version 8 on a party is wrapped, and may be an agent
_REMITTANCE = (
    "RmtInf/Ustrd",
    "RmtInf/Strd/CdtrRefInf/Ref",
    "RmtInf/Strd/RfrdDocInf/Nb",
    "RmtInf/Strd/AddtlRmtInf",
    "Refs/EndToEndId",
    "AddtlTxInf",
    "Refs/AcctSvcrRef",
)


def _signed(node: Node) -> str | None:
    """Amt with the sign its CdtDbtInd gives it, None when it is no unsigned decimal.

    RvslInd only says why: a reversed debit is marked CRDT.
    """
    parts = _UNSIGNED.fullmatch(_first(node, "Amt"))
    if not parts or not (parts[1] or parts[2]):
        return None
    plain = (parts[1] or "0") + (f".{parts[2]}" if parts[2] else "")
    return f"-{plain}" if _first(node, "CdtDbtInd") == "DBIT" and plain.strip("0.") else plain


def mt940_statement(header: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Statement:
    """A statement of the fields mt-940 read."""
    opening, closing = (_mt940_balance(header, word) for word in ("opening", "closing"))
    number = "-".join(header[name] for name in ("statement_number", "sequence_number") if name in header)
    # The numbers start anew each year, and :20: is often the same word every day: the closing day tells them apart.
    parts = (header.get("transaction_reference", "").strip(), number, (closing or {}).get("date"))
    interim = not opening and not closing and any(name.endswith("floor_limit") for name in header)
    return Statement(
        account=header.get("account_identification", "").replace(" ", ""),
        id="/".join(part for part in parts if part),
        balances=Balances(opening=_amounts(opening), closing=_amounts(closing)),
        entries=[_mt940_entry(entry) for entry in entries if "amount" in entry],
        source={"header": header, "entries": entries},
        refused="is MT942, an interim report: its entries come again in the day's MT940 statement"
        if interim
        else "",
    )


def _mt940_balance(header: Mapping[str, Any], word: str) -> Mapping[str, Any] | None:
    names = (f"final_{word}_balance", f"{word}_balance", f"intermediate_{word}_balance")
    return next((header[name] for name in names if name in header), None)


def _amounts(balance: Mapping[str, Any] | None) -> dict[str, Decimal]:
    amount = (balance or {}).get("amount")
    if not isinstance(amount, Mapping) or not AMOUNT.fullmatch(amount["amount"]):
        return {}
    return {amount["currency"]: Decimal(amount["amount"])}


def _mt940_entry(read: Mapping[str, Any]) -> Entry:
    entry = in_fields(read)
    mark = str(entry.get("status", "")).upper()
    known = mark in ("C", "D", "RC", "RD")
    return Entry(
        payload={"mt940": entry},
        reference=_meaning(entry.get("bank_reference")),
        damage="" if known else f":61: is marked {cut(repr(mark), 40)}, which is neither C, D, RC nor RD",
    )


def _mt940_words(entry: Mapping[str, Any]) -> dict[str, str | None]:
    amount = entry["amount"]
    names = ("purpose", "transaction_details", "extra_details", "end_to_end_reference", "customer_reference")
    references = (str(entry.get(name) or "") for name in (*names, "bank_reference"))
    return {
        "value_date": entry.get("date"),
        "currency": amount["currency"],
        "amount": amount["amount"],
        "reference": _joined(references),
        "payer_text": _joined([str(entry.get("applicant_name") or "")]),
    }


def _joined(texts: Iterable[str]) -> str | None:
    """The different texts that say something, one line, as many whole ones as fit; … stands for the others."""
    kept: dict[str, None] = {}
    room, cut = REFERENCE_MAX, False
    for text in texts:
        said = _meaning(text)
        if said and said not in kept:
            if len(said) < room:
                kept[said] = None
                room -= len(said) + 2
            else:
                cut = True
    return "; ".join([*kept, *["…"] * cut]) or None


def _meaning(text: str | None) -> str:
    words = " ".join((text or "").split())
    return "" if words.upper() in _EMPTY_WORDS else words


def _day(text: str) -> str | None:
    """The calendar day as written: never shifted into another zone."""
    return text[:10] or None if "T" in text else text or None


def _all(node: Node, path: str) -> list[Node]:
    nodes = [node]
    for name in path.split("/"):
        nodes = [
            child for parent in nodes if isinstance(parent, Mapping) for child in _children(parent, name)
        ]
    return nodes


def _children(node: Mapping[str, Any], name: str) -> Sequence[Node]:
    found = node.get(name, ())
    return [found] if isinstance(found, str) else found


def _texts(node: Node, path: str) -> list[str]:
    return [found if isinstance(found, str) else found.get("#", "") for found in _all(node, path)]


def _first(node: Node, *paths: str) -> str:
    """The first text that is not empty, of the first path that has one."""
    return next((text.strip() for path in paths for text in _texts(node, path) if text.strip()), "")
