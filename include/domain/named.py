"""What the evidence of a break names beside the break's own item: documents, deals and parties, by id or number."""

import re

Name = tuple[str, str]
"""A side as matches call it, empty where the evidence does not say what it is; and its id or number."""

NAMES_MAX = 20
_ASIDE = re.compile(r"""\([^)]*\)|(?<!\w)'[^']*'(?!\w)|"[^"]*\"""")
"""What stands in brackets or is quoted: names of companies, and what payers wrote."""
_KINDS = ("account", "customer", "opportunity", "order", "invoice", "payment", "subscription")
_ID = r"(?<![\w./-])(?:[^\W\d]|[./-])*+\d[\w./-]*+"
"""What may be an id, or the number of a document: a word with a digit in it."""
_TYPED = re.compile(rf"\b({'|'.join(_KINDS)}) ({_ID})", re.IGNORECASE)
_TO_KEEP = "which is the one to keep"
_STANDING = re.compile(rf"\b(account|customer) .* as (\S+) .*{_TO_KEEP}", re.IGNORECASE)
_AMENDED = re.compile(r"of \d{4}-\d\d-\d\d \(([^\s()]+)\)")
_SETTLED = re.compile(r"which settled ([^\s,]+)")
_UNTYPED = re.compile(_ID)
_NUMBER = re.compile(r"[\d.,-]+")


def named(evidence: str) -> list[Name]:
    """What is named, in its order, each once. A bare number or a day is no name unless a word says what it is of."""
    said = _ASIDE.sub(" ", evidence)
    typed = [(kind.lower(), text.rstrip(".")) for kind, text in _TYPED.findall(said)]
    # Up to there and no further, where it could only be looked for in vain, from every word.
    told = said[: said.rfind(_TO_KEEP) + len(_TO_KEEP)] if _TO_KEEP in said else ""
    typed += [(kind.lower(), text) for kind, text in _STANDING.findall(told)]
    typed += [("invoice", text) for text in _SETTLED.findall(said)]
    typed += [("amendment", text) for text in _AMENDED.findall(evidence)]
    known = {text for _, text in typed}
    loose = [text.rstrip(".") for text in _UNTYPED.findall(said) if not _NUMBER.fullmatch(text)]
    return list(dict.fromkeys([*typed, *(("", text) for text in loose if text not in known)]))[:NAMES_MAX]


def numbers_in(text: str) -> list[str]:
    """What may be the number of a document in somebody's own words, such as a payer's."""
    return _UNTYPED.findall(text)
