"""Finance's reports by SMTP: one message a report, with the same Message-ID each time it is sent."""

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Literal

from include.ports import Fatal, Report, Retryable, Uncertain

TIMEOUT_S = 30.0
_START_MAIL, _OK, _PERMANENT = 354, 250, 500


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mail goes out, and in whose name."""

    host: str
    port: int
    sender: str
    security: Literal["none", "starttls", "tls"] = "tls"
    login: str = ""
    password: str = field(default="", repr=False)


class MailPostman:
    """Sends reports through one mail server."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        """Send once, to everyone in one message.

        Raises Retryable before the message was handed over, Uncertain after, Fatal on what people must mend.
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
            return self._connect()
        except smtplib.SMTPException as error:
            raise _stop(error) from None
        except OSError as error:
            raise Retryable(f"mail: {self._place} did not answer ({type(error).__name__})") from None

    def _connect(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        if server.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=TIMEOUT_S, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
        try:
            if server.security == "starttls":
                smtp.starttls(context=context)
            if server.login:
                smtp.login(server.login, server.password)
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _hand_over(self, smtp: smtplib.SMTP, message: EmailMessage, to: Sequence[str]) -> None:
        try:
            self._accepted("sender", *smtp.mail(self._server.sender))
            for recipient in to:
                self._accepted("recipient", *smtp.rcpt(recipient))
            self._accepted("message", *smtp.docmd("DATA"), wanted=_START_MAIL)
        except (smtplib.SMTPException, OSError) as error:
            raise Retryable(f"mail: {self._place} went away ({type(error).__name__})") from None
        try:
            smtp.send(_on_the_wire(message))
            reply = smtp.getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise Uncertain(
                f"mail: {self._place} took the message and did not confirm it ({type(error).__name__}); "
                "look into the mailbox before sending it again"
            ) from None
        self._accepted("message", *reply)

    def _accepted(self, what: str, code: int, _text: bytes, *, wanted: int = _OK) -> None:
        # The server's text is left out: it quotes addresses.
        if code // 100 == wanted // 100:
            return
        if code >= _PERMANENT:
            raise Fatal(
                f"mail: {self._place} refused the {what} ({code}); check finance_mail and finance_recipients"
            )
        raise Retryable(f"mail: {self._place} refused the {what} for now ({code})")

    @property
    def _place(self) -> str:
        return f"{self._server.host}:{self._server.port}"


def compose(report: Report, *, sender: str, to: Sequence[str]) -> EmailMessage:
    """The report as text and HTML with its attachments. The same report makes the same Message-ID."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"], message["To"] = sender, ", ".join(to)
    message["Subject"] = " ".join(report.subject.split())
    message["Date"] = formatdate(usegmt=True)
    identity = hashlib.sha256(report.key.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2].strip('<> ')}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(report.text)
    message.add_alternative(report.html, subtype="html")
    for name, content in report.attachments.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def _on_the_wire(message: EmailMessage) -> bytes:
    """RFC 5321 §4.5.2: a line that begins with a dot gets a second one; a lone dot ends the message."""
    lines = message.as_bytes().rstrip(b"\r\n").split(b"\r\n")
    return b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in lines) + b".\r\n"


def _stop(error: smtplib.SMTPException) -> Retryable | Fatal:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Fatal("mail: the server refused the login; check the finance_mail connection")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Fatal("mail: the server has no TLS or no login; check the finance_mail connection")
    return Retryable(f"mail: the server did not let us in ({type(error).__name__})")
