"""The one folder that holds everything Tieout keeps on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


class SetUpFailed(Exception):
    """The machine cannot run what was asked; the message names place, reason and how to mend it.

    `log` is the file whose last lines say more.
    """

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True)
class Home:
    """TIEOUT_HOME and what lies below it. Its folders come into being when they are first asked for."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """TIEOUT_HOME, or var/ in the project."""
        return cls(Path(os.environ.get("TIEOUT_HOME") or PROJECT / "var").resolve())

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def airflow(self) -> Path:
        return self._folder("airflow")

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    @property
    def run(self) -> Path:
        """Locks, process ids and ports of what is running."""
        return self._folder("run")

    @property
    def mailbox(self) -> Path:
        """The mails the twin's SMTP sink received."""
        return self._folder("mailbox")

    @property
    def world(self) -> Path:
        """The generated world of `make demo`; absent until it is generated."""
        return self.root / "world"

    @property
    def secrets(self) -> Path:
        return self.create() / "secrets.json"

    def create(self) -> Path:
        """The root, created. Postgres, as another user, passes through it; what is secret is 0600."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise SetUpFailed(
                f"{self.root}: {problem.strerror}; set TIEOUT_HOME to a folder you may write to"
            ) from None
        return self.root

    def _folder(self, name: str) -> Path:
        folder = self.create() / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def private_folder(folder: Path) -> Path:
    """A folder outside the home that only we use. Raises SetUpFailed when it is somebody else's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise SetUpFailed(f"{folder} belongs to another user; remove it and start again")
    return folder
