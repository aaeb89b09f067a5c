"""The folder a bank's files arrive in: what a statement is by its name."""

from enum import StrEnum

from include.connectors.folder import FILE_BYTES_MAX, FILES_MAX, Content, Kind, WatchedFile, WatchedFolder

__all__ = [
    "FILES_MAX",
    "FILE_BYTES_MAX",
    "FORMATS",
    "Content",
    "Format",
    "StatementFile",
    "StatementFolder",
]


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

StatementFile = WatchedFile


class StatementFolder(WatchedFolder):
    """The statements directly in one folder."""

    kind = Kind(
        formats=FORMATS,
        what="statement",
        too_large="ask the bank for pages",
        beside="read beside the statements; a booking in both would count twice",
    )
