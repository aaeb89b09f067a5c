"""A folder that others put files into: which of them are complete, and which are refused unread."""

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from include.ports import Fatal, Retryable

FILE_BYTES_MAX = 32 * 2**20
"""Some 100,000 bank entries, which take 1 GB of memory while they are read."""

FILES_MAX = 10_000
"""A folder of more must be cleared: every reading lists it whole."""

ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".p7m", ".pgp", ".gpg")
UNFINISHED = (".part", ".filepart", ".tmp", ".crdownload")
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
}


@dataclass(frozen=True)
class WatchedFile:
    """One file of a folder. `stamp` is its size and time of change: another stamp is another file.

    `format` is what its suffix says; `refused` says why it must not be opened.
    """

    name: str
    path: Path
    stamp: str
    format: str
    refused: str = ""


@dataclass(frozen=True)
class Content:
    """What a file holds, or why it cannot be used."""

    data: bytes
    refused: str = ""


@dataclass(frozen=True)
class Kind:
    """What a folder is watched for: suffix -> format, and what one such file and a too large one are called."""

    formats: Mapping[str, str]
    what: str
    too_large: str
    beside: str = "read elsewhere"


class WatchedFolder:
    """The files directly in one folder, by name; `others` names those that belong to somebody else."""

    kind: Kind

    def __init__(
        self,
        folder: Path,
        *,
        others: frozenset[str] = frozenset(),
        settle_s: int = 0,
        required: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`settle_s`: a file changed more recently may still be growing, and is left for the next time.

        `required`: a folder that is not there is no empty one, and stops the reading.
        """
        self._folder = self.path = folder
        self._others = others
        self._settle_s = settle_s
        self._required = required
        self._clock = clock

    def found(self) -> bool:
        """Whether anything lies here that is not somebody else's."""
        return any(name not in self._others and not name.startswith(".") for name in self._names())

    def files(self) -> list[WatchedFile]:
        """What is complete and claims to be of the kind.

        Raises Fatal when the folder holds too many files or must not be listed, Retryable when it is not there.
        """
        names = self._names()
        if len(names) > FILES_MAX:
            raise Fatal(
                f"{self._folder} holds {len(names):,} files, more than {FILES_MAX:,}; archive the old ones"
            )
        found = (self._file(name) for name in names if self._claims(name))
        return [file for file in found if file]

    def read(self, file: WatchedFile) -> Content | None:
        """The file's bytes; None when it changed meanwhile or is gone: it is left for the next time."""
        if file.refused:
            return Content(b"", file.refused)
        try:
            # What was no link when it was listed may be one now; and a pipe would keep us waiting for ever.
            descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as handle:
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
        """What lies in the folder and is not read, a sentence each."""
        for name in self._names():
            if self._claims(name):
                if not self._file(name):
                    yield f"{shown_name(name)} changed in the last {self._settle_s} s; it is read the next time"
            elif name in self._others:
                yield f"{shown_name(name)} is {self.kind.beside}"
            elif not name.startswith("."):
                unfinished = name.lower().endswith(UNFINISHED)
                reason = "is still being written" if unfinished else f"is no {self.kind.what} by its name"
                yield f"{shown_name(name)} {reason}; read are {', '.join(self.kind.formats)}"

    def _names(self) -> list[str]:
        if not self._folder.is_dir():
            if self._required:
                raise Retryable(f"{self._folder} is no folder here; is the share mounted?")
            return []
        try:
            return sorted(os.listdir(self._folder))  # noqa: PTH208 - names alone, also those no text can hold
        except PermissionError:
            raise Fatal(
                f"{self._folder} must not be listed by us; give our user read and execute on it"
            ) from None

    def _claims(self, name: str) -> bool:
        suffix = Path(name).suffix.lower()
        known = suffix in self.kind.formats or suffix in ARCHIVES
        return known and name not in self._others and not name.startswith(".")

    def _file(self, name: str) -> WatchedFile | None:
        path = self._folder / name
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        # A time of change in the future is another clock's, which says nothing: such a file is not left for ever.
        if 0 <= self._clock() - status.st_mtime < self._settle_s:
            return None
        form = self.kind.formats.get(path.suffix.lower(), "")
        return WatchedFile(shown_name(name), path, _stamp(status), form, self._refusal(status, form))

    def _refusal(self, status: os.stat_result, form: str) -> str:
        if stat.S_ISLNK(status.st_mode):
            return "is a link, which may lead out of the folder; put the file itself there"
        if not stat.S_ISREG(status.st_mode):
            return "is no regular file"
        if not form:
            return "is an archive, which is not opened; unpack it"
        if status.st_size > FILE_BYTES_MAX:
            return f"holds {status.st_size:,} bytes, more than {FILE_BYTES_MAX:,}; {self.kind.too_large}"
        return ""


def shown_name(name: str) -> str:
    """A file's name as text every message and database can hold."""
    return name.encode(errors="backslashreplace").decode()


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
