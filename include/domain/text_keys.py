"""What two systems' spellings of one text have in common; `recon.text_key` of the database says the same."""

import re
import unicodedata

_LEFT_OUT = re.compile("[^0-9A-Z\u0590-\uffff]")
_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")

HEAD_LETTERS = 30
"""As far as two names are compared letter by letter: no bank cuts them off earlier."""


def text_key(words: str) -> str | None:
    """Letters and digits without accents, case, spaces and punctuation; None when nothing is left.

    Only ASCII has its case folded. A text cut short has a key that is the start of the whole one's.
    """
    return _LEFT_OUT.sub("", unicodedata.normalize("NFKD", words).translate(_CAPITALS)) or None


def head(name: str) -> str:
    """A name as far as it is compared letter by letter, in capitals."""
    return name[:HEAD_LETTERS].translate(_CAPITALS)


def short_id(text: str) -> str:
    """The 15-character form of a Salesforce id, whose last three of 18 only check it; any other text as it is."""
    return text[:15] if len(text) == 18 else text  # noqa: PLR2004
