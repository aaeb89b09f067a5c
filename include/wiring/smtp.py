"""Finance's mail server through Airflow's own hook: it connects and logs in (password or OAuth2) as configured.

What is sent is ours, because the hook's sending starts over when a connection is lost, also after the message was
taken, and knows neither a text beside the page nor pictures inside it.
"""

import smtplib
from collections.abc import Callable
from socket import socket
from time import monotonic
from typing import Any, cast

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowException

from include.connectors.mail import client
from include.ports import Fatal, Retryable
from include.wiring.environment import keep_out_of_logs

_PORTS = {"tls": 465, "starttls": 587, "none": 25}


class _Shown(smtplib.SMTP):
    """Shows the line to the server before a word is said on it, TLS's included."""

    show: Callable[[socket], None]

    def _get_socket(self, *stated: Any) -> socket:
        line = cast("socket", super()._get_socket(*stated))  # type: ignore[misc]
        self.show(line.dup())  # one of its own: TLS takes the other over
        return line


class FinanceMail(SmtpHook):
    """The hook of a connection, with the words of its extra read as people write them.

    TLS from the first byte unless `disable_ssl`; then STARTTLS unless `disable_tls`. Never both: few servers know that.
    """

    def connected(self) -> smtplib.SMTP:
        """A connection that is logged in. Raises what smtplib and sockets do, Retryable when the server hangs up, or
        takes longer than TALK_S for all of it together.
        """
        self._lines: list[socket] = []
        until = monotonic() + client.TALK_S
        try:
            with client.at_most(client.TALK_S, self._hang_up):
                self._log_in()
        except (smtplib.SMTPException, OSError, Retryable):
            self._refuse_late(until)
            raise
        finally:
            for line in self._lines:
                line.close()
        self._refuse_late(until)
        smtp, self._smtp_client = cast("smtplib.SMTP", self._smtp_client), None
        return smtp

    def _hang_up(self) -> None:
        for line in self._lines:
            client.hang_up(line)

    def _refuse_late(self, until: float) -> None:
        """What was said last may have been cut off by us: it means nothing."""
        if monotonic() >= until:
            self._close()
            raise Retryable(
                f"mail: {self.place} did not let us in within {client.TALK_S:.0f} seconds"
            ) from None

    def _log_in(self) -> None:
        try:
            self.get_conn()
        except AirflowException as error:
            self._close()
            if isinstance(error.__context__, smtplib.SMTPServerDisconnected):
                raise Retryable(f"mail: {self.place} hung up when we came") from None
            raise Fatal("mail: the connection finance_mail does not say how to log in") from None
        except BaseException:
            self._close()
            raise

    def _build_client(self) -> smtplib.SMTP:
        below = (smtplib.SMTP_SSL, _Shown) if self.use_ssl else (_Shown,)
        kind = type("Shown", below, {"show": self._lines.append})
        return cast("smtplib.SMTP", kind(**self._build_client_kwargs(is_async=False)))

    def _close(self) -> None:
        smtp, self._smtp_client = self._smtp_client, None
        if smtp is not None:
            smtp.close()

    def _get_oauth2_token(self) -> str:
        """The hook's own, kept out of logs."""
        token: str = super()._get_oauth2_token()
        keep_out_of_logs(token)
        return token

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def conn(self) -> Connection:
        """The connection, looked up when it is first needed."""
        if self.smtp_connection is None:
            self.smtp_connection = self.get_connection(self.smtp_conn_id)
        return self.smtp_connection

    @property
    def security(self) -> str:
        """`tls`, `starttls` or `none`."""
        if not self._says("disable_ssl"):
            return "tls"
        return "none" if self._says("disable_tls") else "starttls"

    @property
    def use_ssl(self) -> bool:
        """TLS from the first byte."""
        return self.security == "tls"

    @property
    def smtp_starttls(self) -> bool:
        """TLS once greeted."""
        return self.security == "starttls"

    @property
    def port(self) -> int:
        """The connection's, else the usual one."""
        return int(self.conn.port or _PORTS[self.security])

    @property
    def smtp_retry_limit(self) -> int:
        """None: the task tries again, for all recipients at once."""
        return 0

    def _says(self, word: str) -> bool:
        return str(self.conn.extra_dejson.get(word)).strip().lower() in {"true", "1", "yes"}
