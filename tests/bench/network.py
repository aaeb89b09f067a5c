"""Hosts on one machine: network namespaces, each with an address and a name of its own, plugged into one bridge."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BRIDGE = "tieout-bridge"
PREFIX = "10.213.77"
"""Of a private range, which nothing else here should use."""
US = f"{PREFIX}.1"
"""The machine's own address on the bridge."""
NETWORK = f"{PREFIX}.0/24"
NEEDED = ("ip", "unshare", "redis-server")


@dataclass(frozen=True)
class Host:
    """The n-th host, from 1 on."""

    number: int

    NAME, CABLE = "tieout-w", "tieout-v"

    @property
    def name(self) -> str:
        return f"{self.NAME}{self.number}"

    @property
    def address(self) -> str:
        return f"{PREFIX}.{10 + self.number}"

    @property
    def cable(self) -> str:
        """Its end on our side."""
        return f"{self.CABLE}{self.number}"

    def command(self, *program: str) -> list[str]:
        """Runs a program on it, under its name."""
        named = f'hostname {self.name} && exec "$@"'
        return ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", named, "sh", *program]

    def cut_off(self) -> None:
        """Pull its cable: nobody is told, and nothing on it ends."""
        _ip("link", "set", self.cable, "down")

    def let_back(self) -> None:
        """Its cable is in again: what goes on there finds everybody."""
        _ip("link", "set", self.cable, "up")


def why_no_hosts() -> str:
    """What this machine lacks; empty where it has everything."""
    missing = [program for program in NEEDED if not shutil.which(program)]
    if missing:
        return f"{', '.join(missing)} not found: install iproute2, util-linux and redis-server"
    if os.geteuid():
        return "only root may make network namespaces: run it as root"
    return ""


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many hosts, of which nothing is left at the end; what a killed run left goes first."""
    every = [Host(number) for number in range(1, count + 1)]
    _remove()
    try:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("address", "add", f"{US}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for host in every:
            _plug_in(host)
        yield every
    finally:
        _remove()


def _plug_in(host: Host) -> None:
    _ip("netns", "add", host.name)
    _ip("link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _ip("link", "set", host.cable, "master", BRIDGE, "up")
    _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        _ip("-n", host.name, "link", "set", device, "up")


def _remove() -> None:
    """Cables first: a name space itself goes only after the last that runs in it."""
    for line in _ip("-oneline", "link", "show").splitlines():
        device = line.split(": ")[1].partition("@")[0]
        if device.startswith((Host.CABLE, BRIDGE)):
            _ip("link", "delete", device)
    for line in _ip("netns", "list").splitlines():
        if line.startswith(Host.NAME):
            _ip("netns", "delete", line.split()[0])


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
