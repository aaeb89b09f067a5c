"""What proves two records one company: registered numbers, domains, Salesforce ids; and how alike two names are."""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from ipaddress import ip_address
from types import ModuleType

import tldextract
from rapidfuzz import fuzz
from stdnum import lei
from stdnum.au import abn
from stdnum.cn import uscc
from stdnum.id import npwp
from stdnum.in_ import gstin
from stdnum.jp import cn
from stdnum.kr import brn
from stdnum.sg import uen
from stdnum.th import tin
from stdnum.tw import ubn
from stdnum.vn import mst

_split = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True)
"""Cuts hosts by the public-suffix list that came with the library: never one fetched today."""

_SALESFORCE_ID = re.compile("[0-9A-Za-z]{15}")
_CASES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass(frozen=True)
class Scheme:
    """A register whose numbers carry a check digit. `entity` takes the part that names the company, not its branch."""

    name: str
    module: ModuleType
    entity: Callable[[str], str] = str


_LEI = Scheme("lei", lei)
_SCHEMES: dict[str, Scheme] = {
    "SG": Scheme("sg.uen", uen),
    "AU": Scheme("au.abn", abn),
    "IN": Scheme(
        "in_.gstin", gstin, lambda number: number[2:12]
    ),  # one a state; the PAN inside is the company's
    "JP": Scheme("jp.cn", cn),
    "KR": Scheme("kr.brn", brn),
    "ID": Scheme("id.npwp", npwp, lambda number: number[:9] if len(number) == 15 else number),  # noqa: PLR2004
    "TH": Scheme("th.tin", tin),
    "VN": Scheme("vn.mst", mst, lambda number: number[:10]),
    "CN": Scheme("cn.uscc", uscc),
    "TW": Scheme("tw.ubn", ubn),
}
_MEANT_MIN = 5
"""Shorter numbers without a check digit, or of one character only, are what people write for none."""


@dataclass(frozen=True)
class RegisteredNumber:
    """`number` is without spaces and signs; `entity` is the company's part of it within `scheme`.

    Only a number proven by its check digit is `strong`. Others are compared within their country: that two differ says
    something, that two agree proves nothing.
    """

    scheme: str
    number: str
    entity: str
    strong: bool


def registered_number(text: str | None, *, country: str | None) -> RegisteredNumber | None:
    """Read a tax or registration number; without a country, by the only register whose check digit it satisfies."""
    country = (country or "").strip().upper()
    number = _alphanumeric(text or "")
    schemes = [_SCHEMES[country]] if country in _SCHEMES else [] if country else [*_SCHEMES.values()]
    read = [found for scheme in (_LEI, *schemes) if (found := _read(scheme, text or "", number))]
    if len(read) == 1:
        return read[0]
    own = number.removeprefix(country)
    if len(own) < _MEANT_MIN or len(set(own)) == 1 or not any(map(str.isdigit, own)):
        return None
    return RegisteredNumber(country.lower(), own, own, strong=False)


def _read(scheme: Scheme, text: str, number: str) -> RegisteredNumber | None:
    prefixes = ("", "T") if scheme.module is cn else ("",)  # a Japanese invoice number is T and the company's
    for candidate in (text, *(number.removeprefix(prefix) for prefix in prefixes)):
        if scheme.module.is_valid(candidate):
            whole = scheme.module.compact(candidate)
            return RegisteredNumber(scheme.name, whole, scheme.entity(whole), strong=True)
    return None


def _alphanumeric(text: str) -> str:
    return "".join(filter(str.isalnum, text)).upper()


def registrable_domain(host: str | None, *, free_mail: Container[str]) -> str | None:
    """The part of a host that somebody registered, in ASCII; None for free mail, addresses and bare names.

    A shared one speaks for a group, not for one company.
    """
    try:
        name = (host or "").strip().strip(".").encode("idna").decode().lower()
    except UnicodeError:
        return None
    if _is_address(name):
        return None
    parts = _split(name)
    domain = parts.top_domain_under_public_suffix
    if not parts.suffix and name.count("."):  # an ending the list does not know counts as one label
        domain = ".".join(name.split(".")[-2:])
    return domain if domain and domain not in free_mail else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def salesforce_id(text: str) -> str:
    """The 18-character form of a Salesforce id, whose suffix tells capitals apart; any other text as it is."""
    if not _SALESFORCE_ID.fullmatch(text):
        return text
    chunks = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(
        _CASES[sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())] for chunk in chunks
    )


def likeness(key: str, other: str) -> int:
    """How alike two name keys are, 0 to 100, whatever the order of their words."""
    return int(fuzz.token_sort_ratio(key, other))
