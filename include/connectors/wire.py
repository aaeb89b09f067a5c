"""What the connectors share about HTTP and JSON: limits, exact numbers, the server's clock, record keys."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.util.retry import Retry

from include.connectors.reach import Reaching
from include.domain.canonical_json import sha256
from include.domain.entities import ENTITIES
from include.domain.money import AMOUNT
from include.ports import Away, Fatal, Translated

TIMEOUT_S = (5.0, 30.0)
"""To connect, and between two bytes of an answer."""

RETRIES = Retry(
    total=2,
    backoff_factor=0.2,
    status_forcelist=(502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
    respect_retry_after_header=False,  # a long wait belongs to the scheduler, not to a sleeping worker
)

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")

NO_RETRIES = Retry(0, read=False)
"""For who asks again by itself."""

ID_BYTES_MAX = 1_000
"""Longer ids are no ids, and no index would hold them."""


DIGITS_MAX = 1_000
"""A number of more digits stays as it was written, as text."""

DEPTH_MAX = 64
"""Lists in records in lists: no system nests deeper, and whoever reads them goes down step by step."""

ANSWER_BYTES_MAX = 2**28
"""Of one answer, unpacked: more than any page is, and what a machine can hold."""

_NESTED = (dict, list)


class Bounded(Reaching):
    """A way out to judged addresses whose answers end: with what goes beyond ANSWER_BYTES_MAX."""

    def __init__(self, retries: Retry = RETRIES) -> None:
        super().__init__(max_retries=retries)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response: requests.Response = super().build_response(req, resp)
        response.raw = _UpTo(resp)
        return response


def bounded_session(retries: Retry = RETRIES) -> requests.Session:
    """A session whose answers end."""
    session = requests.Session()
    session.auth = as_it_is
    for scheme in ("https://", "http://"):
        session.mount(scheme, Bounded(retries))
    return session


def as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """What we log in with stands in the request. Else what a file of the machine's (~/.netrc) says took its place."""
    return request


def never_left(error: requests.RequestException) -> bool:
    """Whether no byte of the request can have reached who was asked."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


class _UpTo:
    """An answer's bytes as they come, unpacked, up to so many."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, *args: Any, **named: Any) -> Iterator[bytes]:
        room = ANSWER_BYTES_MAX
        for piece in self._raw.stream(*args, **named):
            room -= len(piece)
            if room < 0:
                self._raw.close()
                raise TooLong(f"an answer of more than {ANSWER_BYTES_MAX:,} bytes")
            yield piece


class SaidTwice(ValueError):
    """A name stands twice in one record."""


class TooLong(requests.RequestException):
    """An answer that does not end."""


def read_json(text: str | bytes, *, place: str) -> Any:
    """The JSON, every number exact. Raises Retryable when it is none: a proxy's or a maintenance page.

    Also when a record says a name twice: which of the two counts, two readers may see differently.
    """
    try:
        text = text.decode() if isinstance(text, bytes) else text
        value = _loaded(text)
    except SaidTwice:
        raise Away(f"{place}: the answer states a name twice in one record; it is not read") from None
    except (ValueError, RecursionError):
        raise Away(f"{place}: the answer is not JSON; the service may be down for maintenance") from None
    if _too_deep(value):
        raise Away(f"{place}: the answer is nested deeper than {DEPTH_MAX} levels, which no record is")
    return _encodable(value) if "\\u" in text else value


def server_date(headers: Mapping[str, str], *, place: str) -> datetime:
    """The server's own clock, UTC. Raises Fatal when it does not tell: without it no horizon is safe."""
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        raise Fatal(
            f"{place}: answers carry no Date header, so no safe horizon; let the proxy pass it"
        ) from None


def record_key(native_id: Any, payload: Mapping[str, Any]) -> tuple[str, str]:
    """(native id, damage): the record's id, or a name made from its content and why it needs one."""
    if usable(native_id):
        return str(native_id), ""
    return sha256(dict(payload)), "has no id" if native_id in (None, "") else "its id is not usable as a key"


def usable(native_id: Any) -> bool:
    """Whether an id can name a record. A listing of ids cannot show the others, so proofs leave them out."""
    text = "" if native_id is None else str(native_id)
    return 0 < len(text.encode(errors="replace")) <= ID_BYTES_MAX and "\0" not in text


def sums(entity: str, rows: Iterable[Translated]) -> Mapping[str, Decimal]:
    """The entity's amount per currency, leaving out what is not a number."""
    amount = ENTITIES[entity].amount
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        text = (row.get(amount) if amount else None) or ""
        if AMOUNT.fullmatch(text):
            found[row.get("currency") or ""] += Decimal(text)
    return found


def as_text(value: Any) -> str | None:
    """A JSON value as the text landing reads; null and empty text are unknown."""
    if type(value) is str:
        return value or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, default=str, ensure_ascii=False).strip('"')


def plain(text: str) -> str:
    """A decimal without exponent; any other text as it is."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return f"{number:f}" if number.is_finite() and abs(number.adjusted()) <= DIGITS_MAX else text


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A record of these names and values. Raises SaidTwice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise SaidTwice
    return found


def _loaded(text: str) -> Any:
    with suppress(msgspec.MsgspecError, UnicodeEncodeError):
        if (value := _quick.decode(text)) is not None and _says_each_name_once(text, value):
            return value
    return _slowly(text)


def _says_each_name_once(text: str, value: Any) -> bool:
    """Whether a text that was read without asking says no name twice; False where that cannot be told by counting.

    With what stood under a name said twice a colon went, and none came.
    """
    escaped = "\\u003a" in text or "\\u003A" in text
    return not escaped and _written.encode(value).count(b":") == text.count(":")


def _slowly(text: str) -> Any:
    exactly: dict[str, Any] = {"parse_float": exact, "parse_constant": str, "object_pairs_hook": unique}
    try:
        return json.loads(text, **exactly)
    except (json.JSONDecodeError, SaidTwice):
        raise
    except ValueError:  # an integer of thousands of digits, which no program reads as one
        return json.loads(text, **exactly, parse_int=_whole)


def _too_deep(value: Any) -> bool:
    level = [value] if type(value) in _NESTED else []
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for one in level
            for inner in (one.values() if type(one) is dict else one)
            if type(inner) in _NESTED
        ]
    return bool(level)


def _encodable(value: Any) -> Any:
    """Half a character (a lone surrogate), which JSON can say and UTF-8 cannot, is written out as its escape."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case list():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(name): _encodable(item) for name, item in value.items()}
    return value


def exact(text: str) -> Decimal | str:
    """12.0 is 12: the zeros are the wire's, not the value's. What is no number anybody means stays text."""
    written = plain(text)
    if not _PLAIN.fullmatch(written):
        return text
    whole, point, fraction = written.partition(".")
    return Decimal(f"{whole}.{fraction.rstrip('0')}".rstrip(".") if point else whole)


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= DIGITS_MAX else text


_quick = msgspec.json.Decoder(float_hook=exact)
"""Reads in C, and as exactly, what both take; what it refuses the other judges."""

_written = msgspec.json.Encoder()
