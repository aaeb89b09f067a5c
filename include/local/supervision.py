"""Programs run and restarted by supervisord, each with a log, none of which outlives it.

Every program runs below a guard (guard.py), unless it looks after itself; supervisord itself ends gracefully
on SIGTERM, and with its parent when it is leashed.
"""

import hashlib
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, cast
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from include.local import guard
from include.local.home import PROJECT, Home, SetUpFailed, private_folder
from include.local.processes import Process, exclusive, wait_for

START_TIMEOUT_S = 15.0
PROGRAM_STOP_TIMEOUT_S = guard.GRACE_S + 10
SOCKET_PATH_MAX = 90
"""The kernel allows 107 bytes (unix(7)); supervisord first makes one with its process id at the end."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What supervisord keeps running. Groups start in order and stop in reverse; within one all at once."""

    name: str
    group: str
    command: Sequence[str]
    guarded: bool = True


def launch(
    home: Home, *, programs: Sequence[Program], environment: Mapping[str, str], leashed: bool = False
) -> Process:
    """Start supervisord with these programs and return it; leashed, it ends with the calling thread.

    Raises SetUpFailed when one is running already or it does not start.
    """
    with exclusive(home.run / "supervisor.lock"):
        if supervisor(home):
            raise SetUpFailed(f"the platform of {home.root} is running already; stop it with: make down")
        _end_remains(home)
        configuration = home.run / "supervisord.conf"
        with configuration.open("w") as file:
            _configuration(home, programs).write(file)
        command = [sys.executable, "-m", "include.local.supervise", str(configuration)]
        pid = _spawn(command + [str(os.getpid())] * leashed, environment, log=_log(home))
        process = Process.find(pid)
        if process is None or not wait_for(
            lambda: states(home) or not process.alive, timeout_s=START_TIMEOUT_S
        ):
            raise SetUpFailed("supervisord did not start", log=_log(home))
        process.write(_pid_file(home))
    if not process.alive:
        raise SetUpFailed("supervisord ended at once", log=_log(home))
    return process


def halt(home: Home) -> bool:
    """Stop supervisord and everything it runs; False when nothing was running."""
    process = supervisor(home)
    if process:
        process.end(patience_s=PROGRAM_STOP_TIMEOUT_S * 2)
    remains = _end_remains(home)
    _pid_file(home).unlink(missing_ok=True)
    return bool(process or remains)


def supervisor(home: Home) -> Process | None:
    """The supervisord of this home, if it runs."""
    return Process.read(_pid_file(home))


def states(home: Home) -> dict[str, str]:
    """Each program's state (RUNNING, STARTING, BACKOFF, FATAL, ...) by name; empty without a supervisord."""
    transport = SupervisorTransport(serverurl=f"unix://{_socket(home)}")
    try:
        with ServerProxy("http://localhost", transport=transport) as proxy:
            found = cast("list[dict[str, Any]]", proxy.supervisor.getAllProcessInfo())
    except OSError:
        return {}
    return {str(program["name"]): str(program["statename"]) for program in found}


def program_log(home: Home, name: str) -> Path:
    return home.logs / f"{name}.log"


def _spawn(command: list[str], environment: Mapping[str, str], *, log: Path) -> int:
    # In a session of its own, so that Ctrl-C reaches us alone and we stop it in order.
    return os.posix_spawn(
        command[0],
        command,
        environment,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )


def _end_remains(home: Home) -> int:
    """End what a killed supervisord left; its guards are ending by themselves already."""
    left = [process for path in _guards(home).glob("*.pid") if (process := Process.read(path))]
    for process in left:
        process.end(patience_s=PROGRAM_STOP_TIMEOUT_S)
    return len(left)


def _configuration(home: Home, programs: Sequence[Program]) -> RawConfigParser:
    ini = RawConfigParser()
    ini["unix_http_server"] = {"file": str(_socket(home)), "chmod": "0700"}
    ini["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    ini["supervisord"] = {
        "logfile": str(home.logs / "supervisord.log"),
        "pidfile": str(home.run / "supervisord.pid"),
        "childlogdir": str(home.logs),
        "silent": "true",
        # supervisord warns when root has not said that root is meant.
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    for priority, (group, members) in enumerate(
        groupby(programs, key=lambda program: program.group), start=1
    ):
        names = [_add_program(ini, home, program) for program in members]
        ini[f"group:{group}"] = {"programs": ",".join(names), "priority": str(priority)}
    return ini


def _add_program(ini: RawConfigParser, home: Home, program: Program) -> str:
    guarding = [sys.executable, "-S", "-m", "include.local.guard", str(_guards(home) / f"{program.name}.pid")]
    command = [*guarding * program.guarded, *program.command]
    ini[f"program:{program.name}"] = {
        "command": shlex.join(command).replace("%", "%%"),
        "directory": str(PROJECT),
        "autorestart": "true",
        "startsecs": "2",
        "stopwaitsecs": str(PROGRAM_STOP_TIMEOUT_S),
        # The guard stops the program itself; the group is killed only when even the guard hangs.
        "stopasgroup": "false",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(program_log(home, program.name)),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "2",
    }
    return program.name


def _socket(home: Home) -> Path:
    near = home.run / "supervisor.sock"
    if len(os.fsencode(near)) <= SOCKET_PATH_MAX:
        return near
    name = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:12]
    folder = private_folder(Path(tempfile.gettempdir()) / f"tieout-{os.geteuid()}-{name}")
    return folder / "supervisor.sock"


def _guards(home: Home) -> Path:
    folder = home.run / "guards"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _pid_file(home: Home) -> Path:
    return home.run / "platform.pid"


def _log(home: Home) -> Path:
    return home.logs / "supervisord-output.log"
