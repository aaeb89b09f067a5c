"""What a stored message says, however damaged it is."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_binary_file, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes


@dataclass(frozen=True)
class Heading:
    subject: str
    sender: str
    recipients: str
    date: str


@dataclass(frozen=True)
class Mail:
    heading: Heading
    html: str
    text: str
    attachments: Sequence[Attachment]


def read_heading(path: Path) -> Heading:
    with path.open("rb") as file:
        # The older policy everywhere: the newer one raises on some damaged headers.
        return _heading(BytesHeaderParser(policy=policy.compat32).parse(file))


def read_mail(path: Path) -> Mail:
    with path.open("rb") as file:
        message = message_from_binary_file(file, policy=policy.compat32)
    parts = list(_parts(message))
    attached = [
        part for part in parts if part.get_filename() or part.get_content_disposition() == "attachment"
    ]
    bodies = {part.get_content_type(): part for part in reversed(parts) if part not in attached}
    html = _text(bodies["text/html"]) if "text/html" in bodies else ""
    return Mail(
        _heading(message),
        _with_pictures_inside(html, parts),
        _text(bodies["text/plain"]) if "text/plain" in bodies else "",
        [
            Attachment(part.get_filename() or f"part-{number}", _content(part))
            for number, part in enumerate(attached, 1)
        ],
    )


def _heading(message: Message) -> Heading:
    return Heading(*(_header(message, name) for name in ("Subject", "From", "To", "Date")))


def _header(message: Message, name: str) -> str:
    raw = str(message.get(name, ""))
    try:
        return str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):
        return raw


def _parts(message: Message) -> Iterator[Message]:
    return (part for part in message.walk() if not part.is_multipart())


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    try:
        return _content(part).decode(part.get_content_charset() or "utf-8", errors="replace")
    except LookupError:
        return _content(part).decode(errors="replace")


def _with_pictures_inside(html: str, parts: Sequence[Message]) -> str:
    """The page may fetch nothing, so pictures the mail brought along (cid:) become part of its HTML."""
    for part in parts:
        name = str(part.get("Content-ID", "")).strip("<> ")
        if name and part.get_content_maintype() == "image":
            data = base64.b64encode(_content(part)).decode()
            html = html.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{data}")
    return html
