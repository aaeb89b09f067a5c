"""Where the ECB's reference rates come from: files put into a folder, or the ECB's own address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit

import requests

from include.connectors.folder import FILE_BYTES_MAX, Content, Kind, WatchedFile, WatchedFolder
from include.connectors.wire import TIMEOUT_S, bounded_session
from include.ports import Fatal, Retryable

LAST_90_DAYS = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml"
"""https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates: renewed about 16:00 CET."""

_CHUNK_BYTES = 2**16
_RETRYABLE_STATUSES = frozenset({408, 429})
_REDIRECT, _SERVER_ERROR = 300, 500
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


class Format(StrEnum):
    """How the rates are written, told by the name's end."""

    CSV = "csv"
    XML = "xml"


FORMATS: Mapping[str, str] = {".csv": Format.CSV, ".xml": Format.XML}


@dataclass(frozen=True)
class Document:
    """One file of rates. `stamp` tells its contents from others under the same name."""

    name: str
    stamp: str
    format: str


class Place(Protocol):
    """Where documents are. `restates`: the one place speaks for itself, so what it says later counts."""

    restates: bool

    def documents(self) -> Sequence[Document | WatchedFile]:
        """What is there now. Raises Retryable, Fatal."""

    def content(self, document: Document | WatchedFile) -> Content | None:
        """Its bytes; None when it changed meanwhile."""


class RatesFolder(WatchedFolder):
    """Files of rates directly in one folder: eurofxref-hist.csv, eurofxref-daily.xml and the like."""

    restates = False
    kind = Kind(formats=FORMATS, what="file of rates", too_large="the ECB's whole history is smaller")

    def documents(self) -> Sequence[Document | WatchedFile]:
        """What is complete. Raises Retryable, Fatal."""
        return self.files()

    def content(self, document: Document | WatchedFile) -> Content | None:
        """The file's bytes; None when it changed meanwhile."""
        return self.read(document) if isinstance(document, WatchedFile) else None


class RatesAddress:
    """One document at an address; https, unless it is on this machine. It is asked for anew at every look."""

    restates = True

    def __init__(self, address: str = LAST_90_DAYS) -> None:
        """Raises Fatal when the address is no place for rates."""
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
            raise Fatal(f"FX: {parts.scheme}://{parts.hostname} is not https; give the ECB's address")
        self._address, self._name = address, PurePosixPath(parts.path).name
        self._format = FORMATS.get(PurePosixPath(parts.path).suffix.lower(), "")
        if not self._format:
            raise Fatal(f"FX: {self._name or address} is neither CSV nor XML; archives are not opened")
        self._session = bounded_session()
        self._data = b""

    def documents(self) -> Sequence[Document | WatchedFile]:
        """The document as it is now. Raises Retryable, Fatal."""
        self._data = self._fetched()
        return [Document(self._name, sha256(self._data).hexdigest(), self._format)]

    def content(self, document: Document | WatchedFile) -> Content | None:  # noqa: ARG002 - the protocol's
        """The bytes of the last look."""
        return Content(self._data)

    def notes(self) -> Sequence[str]:
        """Nothing lies beside it."""
        return ()

    def _fetched(self) -> bytes:
        try:
            with self._session.get(
                self._address, timeout=TIMEOUT_S, allow_redirects=False, stream=True
            ) as answer:
                self._refuse(answer.status_code)
                data = b"".join(self._pieces(answer))
        except requests.RequestException as error:
            raise Retryable(f"FX {self._name} did not come ({type(error).__name__})") from None
        return data

    def _pieces(self, answer: requests.Response) -> Sequence[bytes]:
        pieces: list[bytes] = []
        room = FILE_BYTES_MAX
        for piece in answer.iter_content(_CHUNK_BYTES):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                raise Fatal(f"FX {self._name} is larger than {FILE_BYTES_MAX:,} bytes; check the address")
        return pieces

    def _refuse(self, status: int) -> None:
        if status >= _SERVER_ERROR or status in _RETRYABLE_STATUSES:
            raise Retryable(f"FX {self._name}: answered {status}; trying again later")
        if status >= _REDIRECT:
            raise Fatal(f"FX {self._name}: answered {status}; check the address in the fx_rates connection")
