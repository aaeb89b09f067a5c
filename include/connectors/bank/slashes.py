"""A :86: that is written in words between slashes, as Dutch banks and others do: /IBAN/…/NAME/…/REMI/INV-1."""

import re
from collections.abc import Mapping
from typing import Any

_OF_PEOPLE = (
    "NAME",
    "IBAN",
    "CNTP",
    "ORDP",
    "BENM",
    "ADDR",
    "ACCW",
    "ULTB",
    "ULTC",
    "ULTD",
    "UDTR",
    "UCRD",
    "ID",
)
_OTHERS = (
    *("TRTP", "BIC", "REMI", "EREF", "MARF", "CSID", "RTRN", "ISDT", "SVCL", "PURP", "OAMT", "CHGS", "EXCH"),
    *("KREF", "PREF", "IREF", "NRTX", "BREF", "CDTRREFTP", "CDTRREF", "USTD", "STRD"),
)
_WORD = re.compile(rf"/({'|'.join((*_OF_PEOPLE, *_OTHERS))})/")
_ACCOUNT = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}|P[0-9]{6,10}")

PARTIES = "parties"
"""The field under which what is said of people is kept, but for the payer's name and account."""


def in_fields(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entry with the words of such a :86: as fields, who paid apart from what for; any other as it is."""
    text = str(entry.get("transaction_details") or "").replace("\r", "").replace("\n", "")
    if not _WORD.match(text):
        return entry
    _, *parts = _WORD.split(text)
    said = [(word, value.strip(" /")) for word, value in zip(parts[::2], parts[1::2], strict=True)]
    first = dict(reversed(said))
    account, _, rest = first.get("CNTP", "").partition("/")
    account, name = (
        first.get("IBAN") or account,
        first.get("NAME") or rest.partition("/")[2].partition("/")[0],
    )
    fields: dict[str, Any] = {**entry, "transaction_details": _joined(said, _OTHERS, but=("REMI", "EREF"))}
    extra = str(entry.get("extra_details") or "").strip()
    if _ACCOUNT.fullmatch(extra):
        fields.pop("extra_details")
        account = account or extra
    found = {
        "applicant_name": name,
        "applicant_iban": account,
        "purpose": first.get("REMI"),
        "end_to_end_reference": first.get("EREF"),
        PARTIES: _joined(said, _OF_PEOPLE, but=("NAME", "IBAN")),
    }
    return fields | {field: value for field, value in found.items() if value and not entry.get(field)}


def _joined(said: list[tuple[str, str]], words: tuple[str, ...], *, but: tuple[str, ...]) -> str:
    return " ".join(f"/{word}/{value}" for word, value in said if word in words and word not in but and value)
