"""A mail server that keeps what it is given, to be told to behave otherwise."""

import email
import email.policy
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller

from include.connectors.mail import client
from include.connectors.mail.client import MailServer


class Mailbox:
    def __init__(self) -> None:
        self.received: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # the name aiosmtpd calls
        self.received.append(envelope)
        return "250 kept"


@contextmanager
def serving(handler: Any) -> Iterator[MailServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield served_at(port)
    finally:
        controller.stop()


def served_at(port: int) -> MailServer:
    """The server there, spoken to without TLS or login."""
    return MailServer(
        connect=lambda: smtplib.SMTP("127.0.0.1", port, timeout=client.TIMEOUT_S),
        place=f"127.0.0.1:{port}",
        sender="tieout@example.com",
    )


def parsed(envelope: Any) -> Any:
    return email.message_from_bytes(envelope.content, policy=email.policy.default)
