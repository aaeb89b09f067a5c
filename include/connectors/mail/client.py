"""Finance's reports by SMTP: one message a report, with the same Message-ID each time it is sent."""

import base64
import hashlib
import re
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from time import monotonic

from include.ports import Fatal, Rejected, Report, Retryable, Uncertain

TIMEOUT_S = 30.0
"""What every step of the conversation may take."""

DATA_S = 180.0
"""What handing over the message may take: a slow line is no lost one (RFC 5321 §4.5.3.2.5)."""

ANSWER_S = 600.0
"""What the server may take to answer that it has the message, all mails of one postman together: scanners are slow
(RFC 5321 §4.5.3.2.6), and a run must end. Once that is used up, it is a step like any other."""

_START_MAIL, _OK, _PERMANENT = 354, 250, 500
_LAST_LINE = b".\r\n"
_PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
"""Of our own making only: text from outside has its quotes escaped."""
_TYPES = {
    ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".html": ("text", "html"),
    ".csv": ("text", "csv"),
}


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mail goes out, and in whose name. `connect` gives a connection that is logged in; `place` is its address.

    `connect` raises what smtplib and sockets do, Retryable or Fatal.
    """

    connect: Callable[[], smtplib.SMTP]
    place: str
    sender: str


class MailPostman:
    """Sends reports through one mail server."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._patience_s = ANSWER_S

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        """Send once, to everyone in one message.

        Raises Retryable before the message was handed over, Uncertain after, Rejected when a recipient or the message
        is refused for good, Fatal on what people must mend before anything can be sent.
        """
        if not to:
            raise Fatal("mail: nobody to send to; set the variable finance_recipients")
        message = compose(report, sender=self._server.sender, to=to)
        smtp = self._reached()
        try:
            self._hand_over(smtp, message, to)
        finally:
            smtp.close()

    def greet(self, *, as_sender: bool = False) -> None:
        """Connect and log in, and ask whether our sender is taken; nothing is sent. Raises Retryable, Fatal."""
        smtp = self._reached()
        try:
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
                smtp.ehlo_or_helo_if_needed()
            except BaseException:
                smtp.close()
                raise
        except smtplib.SMTPException as error:
            raise _stop(error) from None
        except OSError as error:
            raise Retryable(f"mail: {self._place} did not answer ({type(error).__name__})") from None
        return smtp

    def _hand_over(self, smtp: smtplib.SMTP, message: EmailMessage, to: Sequence[str]) -> None:
        try:
            _wait_at_most(smtp, TIMEOUT_S)
            self._accepted("sender", *smtp.mail(self._server.sender))
            for recipient in to:
                self._accepted("recipient", *smtp.rcpt(recipient))
            self._accepted("message", *smtp.docmd("DATA"), wanted=_START_MAIL)
            _wait_at_most(smtp, DATA_S)
            smtp.send(_on_the_wire(message))  # without its last line the server has no message
        except (smtplib.SMTPException, OSError) as error:
            raise Retryable(f"mail: {self._place} went away ({type(error).__name__})") from None
        self._accepted("message", *self._answer(smtp))

    def _answer(self, smtp: smtplib.SMTP) -> tuple[int, bytes]:
        """End the message, and wait for the word that it was taken."""
        asked_at = monotonic()
        try:
            _wait_at_most(smtp, max(TIMEOUT_S, self._patience_s))
            smtp.send(_LAST_LINE)
            return smtp.getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise Uncertain(
                f"mail: {self._place} took the message and did not confirm it ({type(error).__name__}); "
                "if it arrived, it says what the next try will say"
            ) from None
        finally:
            self._patience_s -= monotonic() - asked_at

    def _accepted(self, what: str, code: int, _text: bytes, *, wanted: int = _OK) -> None:
        # The server's text is left out: it quotes addresses.
        if code // 100 == wanted // 100:
            return
        if code >= _PERMANENT and what == "sender":
            raise Fatal(f"mail: {self._place} refused the sender ({code}); check finance_mail")
        if code >= _PERMANENT:
            raise Rejected(f"mail: {self._place} refused the {what} ({code}); check finance_recipients")
        raise Retryable(f"mail: {self._place} refused the {what} for now ({code})")

    @property
    def _place(self) -> str:
        return self._server.place


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock:
        smtp.sock.settimeout(seconds)


def compose(report: Report, *, sender: str, to: Sequence[str]) -> EmailMessage:
    """The report as text and HTML with its pictures and attachments. The same report makes the same Message-ID."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"], message["To"] = sender, ", ".join(to)
    message["Subject"] = " ".join(report.subject.split())
    written = report.written_at.timestamp() if report.written_at else None
    message["Date"] = formatdate(written, usegmt=True)
    identity = hashlib.sha256(report.key.encode()).hexdigest()[:32]
    domain = sender.rpartition("@")[2].strip("<> ")
    message["Message-ID"] = f"<{identity}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(report.text)
    html, pictures = _with_parts(report.html, f"{identity}@{domain}")
    message.add_alternative(html, subtype="html")
    if page := message.get_body(("html",)):
        for name, picture in pictures.items():
            page.add_related(picture, "image", "png", cid=f"<{name}>", disposition="inline")
    for name, content in report.attachments.items():
        kind, subtype = _TYPES.get(f".{name.rpartition('.')[2]}", ("application", "octet-stream"))
        message.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
    return message


def _with_parts(html: str, identity: str) -> tuple[str, dict[str, bytes]]:
    """The HTML with pictures named instead of held, because mail readers do not show those that are held."""
    pictures: dict[str, bytes] = {}

    def name(found: re.Match[str]) -> str:
        cid = f"{len(pictures) + 1}.{identity}"
        pictures[cid] = base64.b64decode(found[1])
        return f'src="cid:{cid}"'

    return _PICTURE.sub(name, html), pictures


def _on_the_wire(message: EmailMessage) -> bytes:
    """RFC 5321 §4.5.2: a line that begins with a dot gets a second one, because a lone dot ends the message."""
    lines = message.as_bytes().rstrip(b"\r\n").split(b"\r\n")
    return b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in lines)


def _stop(error: smtplib.SMTPException) -> Retryable | Fatal:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Fatal("mail: the server refused the login; check the finance_mail connection")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Fatal("mail: the server has no TLS or no login; check the finance_mail connection")
    return Retryable(f"mail: the server did not let us in ({type(error).__name__})")
