"""The folder a bank's files arrive in: which of them are statements, which are complete, which are refused unread."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from include.ports import Fatal

FILE_BYTES_MAX = 32 * 2**20
"""Some 100,000 entries, which take 1 GB of memory while they are read; a bank splits longer ones into pages."""

FILES_MAX = 10_000
"""A folder of more must be cleared: every reading lists it whole."""


class Format(StrEnum):
    """What a statement is written in, told by the file's name."""

    CAMT = "camt.053"
    MT940 = "mt940"


FORMATS = {
    ".xml": Format.CAMT,
    ".sta": Format.MT940,
    ".mt940": Format.MT940,
    ".940": Format.MT940,
    ".txt": Format.MT940,
}
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".p7m", ".pgp", ".gpg")
UNFINISHED = (".part", ".filepart", ".tmp", ".crdownload")
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
}


@dataclass(frozen=True)
class StatementFile:
    """One file of the folder. `stamp` is its size and time of change: another stamp is another file.

    `refused` says why it must not be opened.
    """

    name: str
    path: Path
    stamp: str
    format: Format | None
    refused: str = ""


@dataclass(frozen=True)
class Content:
    """What a file holds, or why it cannot be a statement."""

    data: bytes
    refused: str = ""


class StatementFolder:
    """The files directly in one folder, by name; `others` names those that belong to somebody else."""

    def __init__(
        self,
        folder: Path,
        *,
        others: frozenset[str] = frozenset(),
        settle_s: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`settle_s`: a file changed more recently may still be growing, and is left for the next time."""
        self._folder = folder
        self._others = others
        self._settle_s = settle_s
        self._clock = clock

    def found(self) -> bool:
        """Whether anything lies here that is not somebody else's."""
        return any(name not in self._others and not name.startswith(".") for name in self._names())

    def files(self) -> list[StatementFile]:
        """What is complete and claims to be a statement. Raises Fatal when the folder holds too many files."""
        names = self._names()
        if len(names) > FILES_MAX:
            raise Fatal(
                f"{self._folder} holds {len(names):,} files, more than {FILES_MAX:,}; archive the old ones"
            )
        found = (self._file(name) for name in names if self._claims(name))
        return [file for file in found if file]

    def read(self, file: StatementFile) -> Content | None:
        """The file's bytes; None when it changed meanwhile or is gone: it is left for the next time."""
        if file.refused:
            return Content(b"", file.refused)
        try:
            with file.path.open("rb") as handle:
                data = handle.read(FILE_BYTES_MAX + 1)
            if _stamp(file.path.lstat()) != file.stamp:
                return None
        except FileNotFoundError:
            return None
        except OSError as error:
            return Content(b"", f"cannot be read ({error.strerror})")
        packed = next((word for magic, word in _PACKED.items() if data.startswith(magic)), "")
        return Content(b"", f"is {packed}; unpack it") if packed else Content(data)

    def notes(self) -> Iterator[str]:
        """What lies in the folder and is not read as a statement, a sentence each."""
        for name in self._names():
            if self._claims(name):
                if not self._file(name):
                    yield f"{shown_name(name)} changed in the last {self._settle_s} s; it is read the next time"
            elif name in self._others:
                yield f"{shown_name(name)} is read beside the statements; a booking in both would count twice"
            elif not name.startswith("."):
                unfinished = name.lower().endswith(UNFINISHED)
                reason = "is still being written" if unfinished else "is no statement by its name"
                yield f"{shown_name(name)} {reason}; read are {', '.join(FORMATS)}"

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []

    def _claims(self, name: str) -> bool:
        suffix = Path(name).suffix.lower()
        known = suffix in FORMATS or suffix in ARCHIVES
        return known and name not in self._others and not name.startswith(".")

    def _file(self, name: str) -> StatementFile | None:
        path = self._folder / name
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        if self._clock() - status.st_mtime < self._settle_s:
            return None
        form = FORMATS.get(path.suffix.lower())
        return StatementFile(shown_name(name), path, _stamp(status), form, _refusal(status, form))


def shown_name(name: str) -> str:
    """A file's name as text every message and database can hold."""
    return name.encode(errors="backslashreplace").decode()


def _refusal(status: os.stat_result, form: Format | None) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "is a link, which may lead out of the folder; put the file itself there"
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if form is None:
        return "is an archive, which is not opened; unpack it"
    if status.st_size > FILE_BYTES_MAX:
        return f"holds {status.st_size:,} bytes, more than {FILE_BYTES_MAX:,}; ask the bank for pages"
    return ""


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
