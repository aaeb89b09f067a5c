"""Personal values nobody else has, and every way in which one could stand somewhere in clear."""

import base64
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from urllib.parse import quote, quote_plus

import psycopg
from psycopg import sql

BASE64_TELLING = 8


def forms(value: str) -> set[bytes]:
    """A value as it is, in base64 wherever it begins, quoted for a URL, in hexadecimal and with JSON's escapes."""
    plain = value.encode()
    shifted = (base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 :] for shift in range(3))
    found = {plain, plain.hex().encode(), quote(value).encode(), quote_plus(value).encode()}
    found |= {value.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00"), value.encode("utf-16-le")}
    # Of base64 the last characters depend on what follows; a few are no sign of anything.
    encoded = {text.rstrip(b"=")[:-2] for text in shifted}
    return found | {text for text in encoded if len(text) >= BASE64_TELLING}


class Canaries:
    """Looks for values in anything."""

    def __init__(self, values: Iterable[str]) -> None:
        self._of = {form: value for value in values for form in forms(value)}

    def in_bytes(self, content: bytes) -> set[str]:
        """The values that stand in it, also compressed in a PDF's streams or zipped, and in the parts of a mail."""
        return {value for piece in pieces(content) for form, value in self._of.items() if form in piece}

    def in_database(self, url: str) -> dict[str, set[str]]:
        """Table -> values: everything of every table of ours and of Airflow's, as a dump has it."""
        found: dict[str, set[str]] = {}
        with psycopg.connect(url) as connection:
            tables = connection.execute(
                "SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for schema, table in tables:
                copied = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))
                with connection.cursor().copy(copied) as copy:
                    content = b"".join(bytes(piece) for piece in copy)
                if values := self.in_bytes(content):
                    found[f"{schema}.{table}"] = values
        return found


def pieces(content: bytes) -> Iterator[bytes]:
    """A content and everything packed into it."""
    yield content
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield from pieces(packed.read(name))
    if content[:4] == b"%PDF":
        for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
            try:
                yield zlib.decompress(stream)
            except zlib.error:
                yield stream
    if b"\nMIME-Version:" in content or content.startswith(b"MIME-Version:"):
        for part in message_from_bytes(content, policy=policy.default).walk():
            if not part.is_multipart():
                yield from pieces(bytes(part.get_payload(decode=True) or b""))
