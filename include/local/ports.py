"""Which loopback ports are used: the preferred one, or the next free one."""

import socket

from include.local.home import SetUpFailed

TRIES = 200


def free_port(preferred: int, *, taken: frozenset[int] = frozenset()) -> int:
    """The first port from `preferred` upwards that nobody listens on and that is not in `taken`."""
    for port in range(preferred, min(preferred + TRIES, 65536)):
        if port not in taken and _is_free(port):
            return port
    raise SetUpFailed(f"no port between {preferred} and {preferred + TRIES} is free; stop some other program")


def choose_ports(preferred: dict[str, int]) -> dict[str, int]:
    """A free port for each name, all different."""
    chosen: dict[str, int] = {}
    for name, port in preferred.items():
        chosen[name] = free_port(port, taken=frozenset(chosen.values()))
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free, one somebody listens on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
