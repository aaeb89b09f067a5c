"""Runs the twin on loopback, in one process: Salesforce, the ERP, the payments platform, a mailbox, its control."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP
from starlette.types import ASGIApp

from include.twin.control import control_app
from include.twin.erp import erp_app
from include.twin.faults import SYSTEMS, Injector, Script
from include.twin.faulty_data import DataFaults
from include.twin.faulty_wire import Faulty
from include.twin.mailbox import Sink, mailbox_app
from include.twin.payments import payments_app
from include.twin.prompt import PromptServer
from include.twin.salesforce import salesforce_app
from include.twin.world import Clock, load_world, utc_now

LOOPBACK = "127.0.0.1"
MAIL_BYTES_MAX = 64 * 1024 * 1024
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5
NO_FAULTS = Script()


class PortTaken(Exception):
    """A port the twin was told to use is in use."""


@dataclass(frozen=True)
class TwinPorts:
    """Ports on loopback; 0 lets the system choose."""

    salesforce: int = 0
    erp: int = 0
    payments: int = 0
    smtp: int = 0
    mailbox: int = 0
    control: int = 0


@dataclass(frozen=True)
class TwinKeys:
    salesforce_client_id: str
    salesforce_client_secret: str
    erp_key: str
    payments_key: str


def serve(
    *,
    world: Path,
    mailbox: Path,
    ports: TwinPorts,
    keys: TwinKeys,
    clock: Clock = utc_now,
    faults: Script = NO_FAULTS,
) -> None:
    """Serves until SIGTERM or SIGINT. Raises NoWorld, PortTaken, BadFault."""
    apps = _apps(world, mailbox, keys, Injector(faults, clock), faults)
    with _bound(ports) as sockets:

        async def until_a_signal() -> None:
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await _run(sockets, apps, Sink(mailbox, clock), _print_addresses, stop)

        asyncio.run(until_a_signal())


@contextmanager
def running(
    *,
    world: Path,
    mailbox: Path,
    keys: TwinKeys,
    ports: TwinPorts | None = None,
    clock: Clock = utc_now,
    faults: Script = NO_FAULTS,
) -> Iterator[TwinPorts]:
    """The twin in a thread, on free ports unless told otherwise. Raises NoWorld, PortTaken, BadFault."""
    apps = _apps(world, mailbox, keys, Injector(faults, clock), faults)
    with _bound(ports or TwinPorts()) as sockets:
        listening: Future[Callable[[], object]] = Future()

        async def until_told() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            tell = partial(loop.call_soon_threadsafe, stop.set)
            await _run(sockets, apps, Sink(mailbox, clock), lambda _ports: listening.set_result(tell), stop)

        thread = Thread(target=lambda: asyncio.run(until_told()), name="twin", daemon=True)
        thread.start()
        tell = listening.result(START_TIMEOUT_S)
        try:
            yield _ports(sockets)
        finally:
            tell()
            thread.join()


def _apps(
    world: Path, mailbox: Path, keys: TwinKeys, injector: Injector, script: Script
) -> dict[str, ASGIApp]:
    held = load_world(world)
    client_id, client_secret = keys.salesforce_client_id, keys.salesforce_client_secret
    clocks = {system: injector.clock_of(system) for system in SYSTEMS}
    salesforce = salesforce_app(
        held, client_id=client_id, client_secret=client_secret, clock=clocks["salesforce"]
    )
    erp = erp_app(held, key=keys.erp_key, clock=clocks["erp"])
    payments = payments_app(held, key=keys.payments_key, clock=clocks["payments"])
    data = DataFaults(injector, salesforce.state.org, erp.state.database, payments.state.listings)
    for fault in script.faults:
        data.arm(fault)
    forget = salesforce.state.org.grants.expire_sessions
    faulty = {
        name: Faulty(app, injector, name, strike=data.strike, forget=forget)
        for name, app in zip(SYSTEMS, (salesforce, erp, payments), strict=True)
    }
    clock = injector.clock_of("payments")
    return {
        **faulty,
        "mailbox": mailbox_app(mailbox, clock=clock),
        "control": control_app(data, clock=clock),
    }


async def _run(
    sockets: Mapping[str, socket.socket],
    apps: Mapping[str, ASGIApp],
    sink: Sink,
    announce: Callable[[TwinPorts], None],
    stop: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    new_session = partial(SMTP, sink, data_size_limit=MAIL_BYTES_MAX, ident="Tieout twin", loop=loop)
    smtp = await loop.create_server(new_session, sock=sockets["smtp"])
    servers = {name: _WebServer(app) for name, app in apps.items()}
    serving = [asyncio.create_task(server.serve([sockets[name]])) for name, server in servers.items()]
    for server in servers.values():
        await server.listening.wait()
    announce(_ports(sockets))
    await stop.wait()
    smtp.close()
    for server in servers.values():
        server.stop()
    await asyncio.gather(*serving)


class _WebServer(PromptServer):
    def __init__(self, app: ASGIApp) -> None:
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        timeout_s = STOP_TIMEOUT_S
        # The applications write the Date header themselves, by the twin's clock.
        super().__init__(
            uvicorn.Config(
                app, lifespan="off", date_header=False, timeout_graceful_shutdown=timeout_s, **quiet
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Several servers share this process, so none of them may take its signals."""
        yield


@contextmanager
def _bound(ports: TwinPorts) -> Iterator[dict[str, socket.socket]]:
    sockets: dict[str, socket.socket] = {}
    try:
        for field in fields(ports):
            sockets[field.name] = _listener(field.name, getattr(ports, field.name))
        yield sockets
    finally:
        for listener in sockets.values():
            listener.close()


def _listener(name: str, port: int) -> socket.socket:
    # The protocol by name: asyncio turns Nagle's 40 ms delay off only where it sees TCP named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"{LOOPBACK}:{port} ({name}): {error.strerror}; stop what listens there, or choose another port."
        ) from None
    return listener


def _ports(sockets: Mapping[str, socket.socket]) -> TwinPorts:
    return TwinPorts(**{name: listener.getsockname()[1] for name, listener in sockets.items()})


def _print_addresses(ports: TwinPorts) -> None:
    for field in fields(ports):
        scheme = "smtp" if field.name == "smtp" else "http"
        print(f"{field.name:<11}{scheme}://{LOOPBACK}:{getattr(ports, field.name)}", flush=True)
