"""What `tieout doctor` asks the mail server; nothing is sent."""

from collections.abc import Callable, Sequence

from include.connectors.mail.client import MailPostman
from include.domain.diagnosis import Answer, Check, ok

_SERVER = "check host, port, login and encryption of the connection finance_mail"


def checks(postman: MailPostman, *, recipients: Callable[[], Sequence[object]]) -> Sequence[Check]:
    """Connection with login, whether we may send in our name, and that somebody gets the report."""
    return [
        Check("connection", lambda: _connection(postman), _SERVER),
        Check("permissions", lambda: _permissions(postman), "let our login send in the name of from_email"),
        Check("recipients", lambda: _recipients(recipients), "set the variable finance_recipients"),
    ]


def _connection(postman: MailPostman) -> Answer:
    postman.greet()
    return ok("the server lets us in")


def _permissions(postman: MailPostman) -> Answer:
    postman.greet(as_sender=True)
    return ok("the server takes our sender")


def _recipients(recipients: Callable[[], Sequence[object]]) -> Answer:
    return ok(f"{len(recipients())} get the report")
