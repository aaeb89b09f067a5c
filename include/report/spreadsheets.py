"""CSV that spreadsheet programs may open: text that they would run as a formula is marked as text.

Rules: OWASP, "CSV Injection"; RFC 4180, whose CRLF also makes Python quote cells with a CR of their own.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_STARTERS = frozenset("=+-@|%")
_BREAKS = frozenset("\t\r\n")
_UNSEEN = frozenset({"Cc", "Cf"})


PIECE_CHARACTERS = 64_000
"""How much of a file is written at once, but for its header, which goes first: whoever waits sees that it comes."""


def for_spreadsheets(content: bytes) -> bytes:
    """The same CSV (UTF-8, now CRLF) with `'` before every cell that would start a formula; numbers stay numbers."""
    return b"".join(in_pieces([content]))


def in_pieces(content: Iterable[bytes]) -> Iterator[bytes]:
    """The same of a file that comes piece by piece, wherever one ends."""
    text = io.StringIO()
    write = csv.writer(text).writerow
    most = 0
    for row in csv.reader(_lines(content)):
        write([_as_text(cell) for cell in row])
        if text.tell() > most:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
            most = PIECE_CHARACTERS
    yield text.getvalue().encode()


def _lines(content: Iterable[bytes]) -> Iterator[str]:
    decode, rest = codecs.getincrementaldecoder("utf-8")().decode, ""
    for piece in content:
        *lines, rest = (rest + decode(piece)).split("\n")
        yield from (f"{line}\n" for line in lines)
    if rest := rest + decode(b"", final=True):
        yield rest


def marked(cell: str) -> str:
    """A cell that no program runs, from which `unmarked` makes what it was, to the letter."""
    return f"'{cell}" if cell.startswith("'") else _as_text(cell)


def unmarked(cell: str) -> str:
    """What a marked cell was."""
    return cell.removeprefix("'")


def _as_text(cell: str) -> str:
    first = cell[:1]
    if not first or (first.isascii() and first.isalnum()) or _NUMBER.fullmatch(cell):
        return cell  # as nearly all are
    # Programs skip blanks before a formula, and some read full-width signs as plain ones.
    start = unicodedata.normalize("NFKC", cell.lstrip(" "))[:1]
    return f"'{cell}" if start in _STARTERS or start in _BREAKS or _hides_starter(cell) else cell


def _hides_starter(cell: str) -> bool:
    """Whether one comes first of what can be seen: blanks, marks of width nothing and controls may be dropped."""
    seen = next((one for one in cell if not one.isspace() and unicodedata.category(one) not in _UNSEEN), "")
    return unicodedata.normalize("NFKC", seen)[:1] in _STARTERS
