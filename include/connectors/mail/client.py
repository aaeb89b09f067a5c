"""Finance's reports by SMTP: one message a report, handed over once, and known to be there or not."""

import logging
import smtplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from socket import SHUT_RDWR, socket
from threading import Timer
from time import monotonic

from include.connectors.mail.message import compose
from include.ports import Fatal, Rejected, Report, Retryable, Uncertain

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""What every step of the conversation may take."""

DATA_S = 180.0
"""What handing over the message may take: a slow line is no lost one (RFC 5321 §4.5.3.2.5)."""

ANSWER_S = 600.0
"""What the server may take to answer that it has the message, all mails of one postman together: scanners are slow
(RFC 5321 §4.5.3.2.6), and a run must end. Once that is used up, it is a step like any other."""

TALK_S = 600.0
"""What all steps before a message's last line may take together: a server that always says a little more never exceeds
a step's time."""

MESSAGE_MAX = 10 * 2**20
"""Bytes of a message: many servers take no larger ones, and some say so only to whoever is to hand them on."""

_START_MAIL, _OK, _TOO_LARGE = 354, 250, 552
_TEMPORARY, _PERMANENT = 400, 500
_LAST_LINE = b".\r\n"
_ADVICE = {"recipient": "check finance_recipients", "message": "ask whoever runs it why"}


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mail goes out, and in whose name. `connect` gives a connection that is logged in; `place` is its address.

    `connect` raises what smtplib and sockets do, Retryable or Fatal.
    """

    connect: Callable[[], smtplib.SMTP]
    place: str
    sender: str


class _NoRoom(Rejected):
    """The server takes no message of that size."""


class MailPostman:
    """Sends reports through one mail server."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._patience_s = ANSWER_S

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        """Send once, to everyone in one message.

        What makes it too large is left out, the largest first, and said to be; where the server refuses it for its
        size, it is tried once more without attachments. Raises Retryable before the message was handed over, Uncertain
        after, Rejected when a recipient or the message is refused for good, Fatal on what people must mend before
        anything can be sent.
        """
        if not to:
            raise Fatal("mail: nobody to send to; set the variable finance_recipients")
        fitting, message = self._fitting(report, to)
        try:
            self._send(message, to)
        except _NoRoom:
            if not fitting.attachments:
                raise
            log.warning(
                "mail: %s takes no message of %s bytes; sent without attachments", self._place, len(message)
            )
            bare = replace(report, attachments={})
            self._send(compose(bare, sender=self._server.sender, to=to, spared=True).as_bytes(), to)

    def _fitting(self, report: Report, to: Sequence[str]) -> tuple[Report, bytes]:
        """The report with as many of its attachments as a message has room for, and the message."""
        kept = report
        while True:
            spared = len(kept.attachments) < len(report.attachments)
            message = compose(kept, sender=self._server.sender, to=to, spared=spared).as_bytes()
            if len(message) <= MESSAGE_MAX or not kept.attachments:
                return kept, message
            largest = max(kept.attachments, key=lambda name: len(kept.attachments[name]))
            log.warning("mail: %s is left out of a message of %s bytes", largest, len(message))
            files = {name: content for name, content in kept.attachments.items() if name != largest}
            kept = replace(kept, attachments=files)

    def _send(self, message: bytes, to: Sequence[str]) -> None:
        smtp = self._reached()
        try:
            self._hand_over(smtp, message, to)
        finally:
            smtp.close()

    def greet(self, *, as_sender: bool = False) -> None:
        """Connect and log in, and ask whether our sender is taken; nothing is sent. Raises Retryable, Fatal."""
        smtp = self._reached()
        try:
            with _at_most(smtp, TALK_S):
                if as_sender:
                    self._accepted("sender", *smtp.mail(self._server.sender))
                    smtp.rset()
                smtp.quit()
        except (smtplib.SMTPException, OSError) as error:
            raise Retryable(f"mail: {self._place} went away ({type(error).__name__})") from None
        finally:
            smtp.close()

    def _reached(self) -> smtplib.SMTP:
        try:
            smtp = self._server.connect()
            try:
                with _at_most(smtp, TALK_S):
                    smtp.ehlo_or_helo_if_needed()
            except BaseException:
                smtp.close()
                raise
        except smtplib.SMTPException as error:
            raise _stop(error) from None
        except OSError as error:
            raise Retryable(f"mail: {self._place} did not answer ({type(error).__name__})") from None
        return smtp

    def _hand_over(self, smtp: smtplib.SMTP, message: bytes, to: Sequence[str]) -> None:
        if len(message) > _takes_at_most(smtp):
            raise self._no_room()
        try:
            with _at_most(smtp, TALK_S):
                _wait_at_most(smtp, TIMEOUT_S)
                self._accepted("sender", *smtp.mail(self._server.sender))
                for recipient in to:
                    self._accepted("recipient", *smtp.rcpt(recipient))
                self._accepted("message", *smtp.docmd("DATA"), wanted=_START_MAIL)
                _wait_at_most(smtp, DATA_S)
                smtp.send(_on_the_wire(message))  # without its last line the server has no message
        except (smtplib.SMTPException, OSError) as error:
            raise Retryable(f"mail: {self._place} went away ({type(error).__name__})") from None
        code, text = self._answer(smtp)
        if code == _TOO_LARGE:
            raise self._no_room()
        self._accepted("message", code, text)

    def _no_room(self) -> _NoRoom:
        return _NoRoom(
            f"mail: {self._place} refused the message for its size ({_TOO_LARGE}), also without attachments; ask "
            "whoever runs it whether the mailbox is full or how much it takes"
        )

    def _answer(self, smtp: smtplib.SMTP) -> tuple[int, bytes]:
        """End the message, and wait for the word that it was taken."""
        asked_at, most = monotonic(), max(TIMEOUT_S, self._patience_s)
        try:
            with _at_most(smtp, most):
                _wait_at_most(smtp, most)
                smtp.send(_LAST_LINE)
                code, text = smtp.getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise self._unconfirmed(type(error).__name__) from None
        finally:
            self._patience_s -= monotonic() - asked_at
        if monotonic() - asked_at >= most:  # what came may be the beginning of a line
            raise self._unconfirmed("no whole answer in time")
        if code // 100 != _OK // 100 and code < _TEMPORARY:  # no refusal, nor any code at all
            raise self._unconfirmed("an answer that says neither")
        return code, text

    def _unconfirmed(self, why: str) -> Uncertain:
        return Uncertain(
            f"mail: {self._place} took the message and did not confirm it ({why}); if it arrived, it says what the "
            "next try will say"
        )

    def _accepted(self, what: str, code: int, _text: bytes, *, wanted: int = _OK) -> None:
        # The server's text is left out: it quotes addresses.
        if code // 100 == wanted // 100:
            return
        if code >= _PERMANENT and what == "sender":
            raise Fatal(f"mail: {self._place} refused the sender ({code}); check finance_mail")
        if code >= _PERMANENT:
            raise Rejected(f"mail: {self._place} refused the {what} ({code}); {_ADVICE[what]}")
        raise Retryable(f"mail: {self._place} refused the {what} for now ({code})")

    @property
    def _place(self) -> str:
        return self._server.place


def _takes_at_most(smtp: smtplib.SMTP) -> float:
    """How large a message the server says it takes, in bytes (RFC 1870)."""
    said = smtp.esmtp_features.get("size", "")
    return int(said) if said.isdecimal() and int(said) else inf


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock:
        smtp.sock.settimeout(seconds)


def _at_most(smtp: smtplib.SMTP, seconds: float) -> AbstractContextManager[None]:
    return at_most(seconds, lambda: hang_up(smtp.sock) if smtp.sock else None)


@contextmanager
def at_most(seconds: float, give_up: Callable[[], None]) -> Iterator[None]:
    """Give up if it takes longer: a socket's own limit begins anew with every byte that comes."""
    watch = Timer(seconds, give_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def hang_up(line: socket) -> None:
    """End what is said on a line, whoever waits for it."""
    with suppress(OSError):
        socket.shutdown(line, SHUT_RDWR)  # TLS's own would first leave what is being sent in the clear


def _on_the_wire(message: bytes) -> bytes:
    """RFC 5321 §4.5.2: a line that begins with a dot gets a second one, because a lone dot ends the message."""
    lines = message.rstrip(b"\r\n").split(b"\r\n")
    return b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in lines)


def _stop(error: smtplib.SMTPException) -> Retryable | Fatal:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Fatal("mail: the server refused the login; check the finance_mail connection")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Fatal("mail: the server has no TLS or no login; check the finance_mail connection")
    return Retryable(f"mail: the server did not let us in ({type(error).__name__})")
