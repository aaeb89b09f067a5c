"""Company names made comparable: the key two spellings share, and what tells two companies of one key apart.

A key alone never makes two records one: `Acme Pte Ltd` and `Acme Sdn Bhd` share one and are different companies, which
their legal forms tell.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

_LATIN_MARKS = re.compile("[\u0300-\u036f]")
"""Accents. Other scripts' marks are letters to them: without its mark, the Japanese `ga` would read `ka`."""

_DELETED = str.maketrans("", "", "'\u2019.\u30fb")
_AND = re.compile("[&+]")
_NO_LETTER = re.compile("[^0-9A-Za-z]")
_BRACKETS = re.compile(r"\(([^()]*)\)")

_SYNONYMS = {
    "limited": "ltd",
    "private": "pte",
    "pvt": "pte",
    "proprietary": "pty",
    "berhad": "bhd",
    "sendirian": "sdn",
    "company": "co",
    "incorporated": "inc",
    "corporation": "corp",
}

# Forms written as words of their own, longest first. Only such words as do not end names of another meaning.
_SUFFIXES = {
    "public co ltd": "TH_PCL",
    "kabushiki kaisha": "JP_KK",
    "godo kaisha": "JP_GK",
    "pte ltd": "SG_IN_PTE_LTD",
    "pty ltd": "AU_PTY_LTD",
    "sdn bhd": "MY_SDN_BHD",
    "co ltd": "LTD",
    "gmbh": "DE_GMBH",
    "sarl": "FR_SARL",
    "corp": "CORP",
    "bhd": "MY_BHD",
    "inc": "INC",
    "llc": "LLC",
    "llp": "LLP",
    "ltd": "LTD",
    "pcl": "TH_PCL",
    "plc": "PLC",
    "sas": "FR_SAS",
    "tbk": "ID_TBK",
    "ag": "DE_AG",
    "bv": "NL_BV",
    "cv": "ID_CV",
    "co": "CO",
    "gk": "JP_GK",
    "kk": "JP_KK",
    "nv": "NL_NV",
    "pt": "ID_PT",
    "sa": "SA",
}
_PREFIXES = {
    "cong ty trach nhiem huu han": "VN_LTD",
    "cong ty co phan": "VN_JSC",
    "cong ty tnhh": "VN_LTD",
    "pt": "ID_PT",
    "cv": "ID_CV",
}

_BEFORE = [(f"{form} ", label) for form, label in _PREFIXES.items()]
_BEHIND = [(f" {form}", label) for form, label in _SUFFIXES.items()]

# Forms written without a space before or behind the name, as the register has them; longest first.
_ATTACHED = {
    "股份有限公司": "JSC",
    "有限责任公司": "LTD",
    "有限責任公司": "LTD",
    "株式会社": "JP_KK",
    "合同会社": "JP_GK",
    "有限会社": "JP_YK",
    "有限公司": "LTD",
    "주식회사": "KR_JSC",
    "유한회사": "KR_LTD",
    "(株)": "JP_KK",
    "(有)": "JP_YK",
    "(주)": "KR_JSC",
    "(유)": "KR_LTD",
    "จำกัด (มหาชน)": "TH_PCL",
    "จำกัด(มหาชน)": "TH_PCL",
    "จำกัด": "TH_LTD",
    "บริษัท": "",  # "company": says nothing on its own
}

_HINTS = {
    "s": "SG", "sg": "SG", "singapore": "SG", "新加坡": "SG",
    "m": "MY", "my": "MY", "malaysia": "MY",
    "hk": "HK", "hong kong": "HK", "香港": "HK",
    "cn": "CN", "china": "CN", "shanghai": "CN", "beijing": "CN", "shenzhen": "CN", "guangzhou": "CN",
    "中国": "CN", "上海": "CN", "北京": "CN", "深圳": "CN", "广州": "CN",
    "tw": "TW", "taiwan": "TW", "台湾": "TW", "台灣": "TW",
    "jp": "JP", "japan": "JP", "日本": "JP",
    "kr": "KR", "korea": "KR", "한국": "KR",
    "in": "IN", "india": "IN",
    "id": "ID", "indonesia": "ID",
    "th": "TH", "thailand": "TH", "ประเทศไทย": "TH",
    "vn": "VN", "vietnam": "VN", "viet nam": "VN",
    "ph": "PH", "philippines": "PH",
    "au": "AU", "australia": "AU",
    "us": "US", "usa": "US",
    "uk": "GB", "gb": "GB",
}  # fmt: skip


@dataclass(frozen=True)
class CompanyName:
    """A name taken apart. `legal_form` and `jurisdiction_hint` are discriminators: where both sides have one, and
    they differ, the companies differ, whatever the key.
    """

    key: str
    legal_form: tuple[str, ...] = ()
    jurisdiction_hint: str | None = None


def company_name(raw: str) -> CompanyName:
    """Take a name apart. The key is empty only where the name is blank, and is its own key."""
    folded = _folded(raw)
    rest, forms = _peel_attached(folded)
    rest, hint = _take_hint(rest)
    rest, more = _peel_attached(rest)
    key, words = _peel_words(_words(rest))
    forms = forms | more | words
    key = key or _words(folded) or "".join(folded.split()) or "".join(raw.split())
    if key == raw:
        return CompanyName(key, tuple(sorted(forms)), hint)
    again = company_name(key)  # what only shows once the rest is gone, as a form before a bracket
    return CompanyName(again.key, tuple(sorted(forms | {*again.legal_form})), hint or again.jurisdiction_hint)


def may_be_same(written: str, known: str) -> bool:
    """Whether what somebody wrote can be a company's name: their keys agree as far as the shorter one goes.

    Banks cut names off, so one key may be the beginning of the other.
    """
    one, other = company_name(written).key, company_name(known).key
    return one.startswith(other) or other.startswith(one)


def _folded(raw: str) -> str:
    """Without width, case and accents, which spellings of one name differ in."""
    if raw.isascii():
        return " ".join(raw.lower().split())
    text = unicodedata.normalize("NFKC", raw).casefold().replace("đ", "d")
    text = _LATIN_MARKS.sub("", unicodedata.normalize("NFD", text))
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _words(text: str) -> str:
    """Letters, marks and numbers as words one space apart, with one word for each of several of one meaning."""
    text = _AND.sub(" and ", text.translate(_DELETED))
    if text.isascii():
        kept = _NO_LETTER.sub(" ", text)
    else:
        kept = "".join(letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in text)
    return " ".join(_SYNONYMS.get(word, word) for word in kept.split())


def _has_words(text: str) -> bool:
    """Whether there are any, looking no further than the first."""
    return any(letter.isalnum() for letter in text) or bool(_words(text))


@cache
def _attached() -> tuple[tuple[str, str], ...]:
    return tuple((_folded(form), label) for form, label in _ATTACHED.items())


def _peel_attached(text: str) -> tuple[str, frozenset[str]]:
    forms: set[str] = set()
    ends = tuple(form for form, _ in _attached())
    peeled = text.startswith(ends) or text.endswith(ends)  # few are, and looking form by form takes long
    while peeled:
        peeled = False
        for form, label in _attached():
            rest = text.removeprefix(form).removesuffix(form).strip()
            if rest != text and _has_words(rest):
                text, peeled = rest, True
                forms |= {label} - {""}
                break
    return text, frozenset(forms)


def _take_hint(text: str) -> tuple[str, str | None]:
    """The place in brackets, and the name without it; other brackets are part of the name."""
    for match in _BRACKETS.finditer(text):
        if hint := _HINTS.get(_words(match[1])):
            rest = f"{text[: match.start()]} {text[match.end() :]}".strip()
            if _has_words(rest):
                return rest, hint
    return text, None


def _peel_words(words: str) -> tuple[str, frozenset[str]]:
    """The name without the legal forms before and behind it; a name that is nothing but a form keeps it."""
    forms: set[str] = set()
    peeled = True
    while peeled:
        peeled = False
        for before, label in _BEFORE:
            if words.startswith(before):
                words, peeled = words.removeprefix(before), True
                forms.add(label)
        for behind, label in _BEHIND:
            if words.endswith(behind):
                words, peeled = words.removesuffix(behind), True
                forms.add(label)
                break
    return words, frozenset(forms)
