"""What `tieout doctor` asks of the bank's folder; the ECB's, when it is one, is asked the same."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from include.connectors.folder import FILES_MAX, WatchedFolder
from include.domain.diagnosis import Answer, Check, fail, ok, permissions, warn

_MOUNT = "mount the share, or put the right path into the connection's extra"
_FEW = "let our user read the files named, and list the folder"
_MANY = "take the write permission on the folder from our user: it reads only"
_FULL = 0.8


def checks(folder: WatchedFolder, path: Path) -> Sequence[Check]:
    """That the folder is there, what we may do in it, and how full it is."""
    return [
        Check("connection", lambda: _there(path), _MOUNT),
        Check("permissions", lambda: _permissions(path), _FEW),
        Check("files", lambda: _files(folder, path), _MOUNT),
    ]


def _there(path: Path) -> Answer:
    return ok(f"{path} is there") if path.is_dir() else fail(f"{path} is no folder here", _MOUNT)


def _permissions(path: Path) -> Answer:
    few = dict(_unreadable(path))
    # root may do anything anywhere, whatever a folder says.
    many = ["write to the folder"] if os.geteuid() and os.access(path, os.W_OK) else []
    return permissions(few=few, many=many, mend_few=_FEW, mend_many=_MANY)


def _unreadable(path: Path) -> Iterator[tuple[str, str]]:
    if not _may(path, os.R_OK | os.X_OK):
        yield str(path), "must not be listed"
        return
    for name in sorted(os.listdir(path)):  # noqa: PTH208 - names alone, also those no text can hold
        entry = path / name
        if stat.S_ISREG(entry.lstat().st_mode) and not _may(entry, os.R_OK):
            yield name.encode(errors="backslashreplace").decode(), "must not be read"


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode)


def _files(folder: WatchedFolder, path: Path) -> Answer:
    files = folder.files()
    refused = [f"{file.name} {file.refused}" for file in files if file.refused]
    if refused:
        return warn(f"not read: {'; '.join(refused[:5])}", "put what was meant there as a plain file")
    count = len(os.listdir(path))  # noqa: PTH208
    if count > FILES_MAX * _FULL:
        return warn(f"{count:,} files of {FILES_MAX:,} at most", "move old files out of the folder")
    return ok(f"{len(files):,} files to read")
