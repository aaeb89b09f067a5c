"""Airflow to finance's mailbox: its connection becomes a postman, its variable who gets the report."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from typing import TYPE_CHECKING, Any

from airflow.sdk import Variable, conf

from include.ports import Fatal
from include.wiring import connections, days
from include.wiring.environment import connection, named

if TYPE_CHECKING:
    from include.connectors.mail.client import MailPostman
    from include.domain.recipients import Recipient

BREAKS_AT = "/tieout/breaks/"
"""Where the console shows a break, below Airflow's address; include/console/app.py."""


def postman() -> "MailPostman":
    """Mail to finance: connection `finance_mail`, with the extras of Airflow's smtp connections."""
    from include.connectors.mail.client import MailPostman, MailServer
    from include.wiring.smtp import FinanceMail

    connection("finance_mail")  # what the hook reads by itself is kept out of logs
    hook = FinanceMail(named("finance_mail"))
    sender = hook.from_email or hook.smtp_user
    if not hook.host or not sender:
        raise Fatal("connection finance_mail needs a host, and from_email in its extra")
    return MailPostman(MailServer(connect=hook.connected, place=hook.place, sender=str(sender)))


def recipients() -> list["Recipient"]:
    """Who gets the report: variable `finance_recipients`, addresses separated by commas, or a JSON list that says what
    each may see and how they write numbers. Raises Fatal when empty or wrong.
    """
    from include.report.recipients import read_recipients

    stated = str(Variable.get("finance_recipients", default="") or "")
    return read_recipients(stated, entities=connections.policy().reporting.entities)


def telling() -> dict[str, Any]:
    """What a report of the running task's day is told with: by whom, to whom, and whether after the fact."""
    return {
        "store": connections.store(),
        "postman": postman(),
        "as_of": days.as_of(),
        "policy": connections.policy(),
        "recipients": recipients(),
        "past": days.is_past(),
        "link_to": link_to_breaks(),
    }


def link_to_breaks() -> str:
    """Where people look at breaks, without their id: at Airflow's own address (`[api] base_url`); empty without one."""
    address = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return f"{address}{BREAKS_AT}" if address.startswith(("http://", "https://")) else ""
