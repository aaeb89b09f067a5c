"""Which loopback ports are used: the preferred one, or the next free one."""

import os
import socket
import tempfile
from collections.abc import Collection
from pathlib import Path

from include.local.home import SetUpFailed, private_folder
from include.local.processes import Process, exclusive

TRIES = 200


def free_port(preferred: int, *, taken: Collection[int] = ()) -> int:
    """The first port from `preferred` upwards that nobody listens on and that is not in `taken`."""
    for port in range(preferred, min(preferred + TRIES, 65536)):
        if port not in taken and _is_free(port):
            return port
    raise SetUpFailed(f"no port between {preferred} and {preferred + TRIES} is free; stop some other program")


def reserve_ports(preferred: dict[str, int]) -> dict[str, int]:
    """A free port for each name, all different, ours until this process ends or hands them over.

    A platform listens only seconds after it chose; without a reservation, another that starts meanwhile would
    choose the same and one of them would talk to the other.
    """
    folder = _reservations()
    chosen: dict[str, int] = {}
    with exclusive(folder / "lock"):
        taken = _reserved(folder)
        for name, port in preferred.items():
            chosen[name] = free_port(port, taken=taken | set(chosen.values()))
        hand_over_ports(chosen, Process.myself())
    return chosen


def hand_over_ports(ports: dict[str, int], process: Process) -> None:
    """Keep the reservation of these ports until `process` ends."""
    for port in ports.values():
        process.write(_reservations() / str(port))


def _reserved(folder: Path) -> set[int]:
    files = [path for path in folder.iterdir() if path.name.isdigit()]
    return {int(path.name) for path in files if Process.read(path)}


def _reservations() -> Path:
    return private_folder(Path(tempfile.gettempdir()) / f"tieout-ports-{os.geteuid()}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free, one somebody listens on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
