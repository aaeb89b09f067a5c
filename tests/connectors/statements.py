"""Bank statements drawn as text: `ID OPENING CLOSING` and an entry a line, as CAMT.053 or MT940."""

from collections.abc import Sequence

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001"


def camt(
    *entries: str, statement: str = "S-1", opening: str = "100.00", closing: str, currency: str = "EUR"
) -> bytes:
    """A file of one statement."""
    return document(stmt(*entries, statement=statement, opening=opening, closing=closing, currency=currency))


def document(*statements: str, version: str = "02", prolog: str = "") -> bytes:
    """A file of several statements."""
    body = "".join(statements)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<Document xmlns="{NAMESPACE}.{version}"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>{body}</BkToCstmrStmt></Document>"
    )
    return text.encode()


def stmt(
    *entries: str, statement: str = "S-1", opening: str = "100.00", closing: str, currency: str = "EUR"
) -> str:
    """One statement of account NL26VAYB8060476890."""
    return (
        f"<Stmt><Id>{statement}</Id><Acct><Id><IBAN>NL26VAYB8060476890</IBAN></Id><Ccy>{currency}</Ccy></Acct>"
        f"{balance('OPBD', opening, currency)}{balance('CLBD', closing, currency)}{''.join(entries)}</Stmt>"
    )


def balance(code: str, amount: str, currency: str = "EUR") -> str:
    """A balance; below zero it is a debit."""
    mark = "DBIT" if amount.startswith("-") else "CRDT"
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount.lstrip("-")}</Amt>'
        f"<CdtDbtInd>{mark}</CdtDbtInd><Dt><Dt>2026-06-30</Dt></Dt></Bal>"
    )


def ntry(
    amount: str,
    mark: str = "CRDT",
    *,
    currency: str = "EUR",
    status: str = "BOOK",
    reference: str = "",
    reversal: bool = False,
    details: Sequence[str] = (),
) -> str:
    """A booking valued on 2026-06-30; `details` are the bodies of its TxDtls."""
    transactions = "".join(f"<TxDtls>{body}</TxDtls>" for body in details)
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>'
        f"{'<RvslInd>true</RvslInd>' if reversal else ''}<Sts>{status}</Sts>"
        "<BookgDt><Dt>2026-06-29</Dt></BookgDt><ValDt><DtTm>2026-06-30T23:30:00-05:00</DtTm></ValDt>"
        f"{f'<AcctSvcrRef>{reference}</AcctSvcrRef>' if reference else ''}"
        f"<NtryDtls>{transactions}</NtryDtls></Ntry>"
    )


def detail(
    *, end_to_end: str = "NOTPROVIDED", remittance: str = "", debtor: str = "", creditor: str = ""
) -> str:
    """One transaction of a booking."""
    parties = "".join(
        f"<{kind}><Nm>{name}</Nm></{kind}>" for kind, name in (("Dbtr", debtor), ("Cdtr", creditor)) if name
    )
    return (
        f"<Refs><EndToEndId>{end_to_end}</EndToEndId></Refs><RltdPties>{parties}</RltdPties>"
        f"<RmtInf><Ustrd>{remittance}</Ustrd></RmtInf>"
    )


def mt940(*entries: str, opening: str = "C260629EUR100,00", closing: str) -> bytes:
    """A statement; each entry is a :61: line's text, with its :86: behind a bar."""
    lines = [":20:STARTUMS", ":25:12345678/0000123456", ":28C:00042/001", f":60F:{opening}"]
    for entry in entries:
        line, _, details = entry.partition("|")
        lines += [f":61:{line}"] + ([f":86:{details}"] if details else [])
    return "\r\n".join([*lines, f":62F:{closing}", "-", ""]).encode()
