"""Airflow to finance's mailbox: its connection becomes a postman, its variable who gets the report."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring.py

from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseHook, Variable

from include.ports import Fatal

if TYPE_CHECKING:
    from include.connectors.mail.client import MailPostman


def postman() -> "MailPostman":
    """Mail to finance: connection `finance_mail`, with the extras of Airflow's smtp connections."""
    from include.connectors.mail.client import MailPostman, MailServer

    connection = BaseHook.get_connection("finance_mail")
    extra = connection.extra_dejson
    sender = extra.get("from_email") or connection.login
    if not connection.host or not sender:
        raise Fatal("connection finance_mail needs a host, and from_email in its extra")
    security = _security(plain=_yes(extra.get("disable_ssl")), bare=_yes(extra.get("disable_tls")))
    server = MailServer(
        host=connection.host,
        port=connection.port or {"tls": 465, "starttls": 587, "none": 25}[security],
        sender=str(sender),
        security=security,
        login=connection.login or "",
        password=connection.password or "",
    )
    return MailPostman(server)


def recipients() -> list[str]:
    """Who gets the report: variable `finance_recipients`, separated by commas. Raises Fatal when empty."""
    stated = str(Variable.get("finance_recipients", default="") or "")
    addresses = stated.replace(";", ",").replace(",", " ").split()
    if not addresses:
        raise Fatal("variable finance_recipients is empty; set it to addresses separated by commas")
    return addresses


def _yes(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1", "yes"}


def _security(*, plain: bool, bare: bool) -> Literal["none", "starttls", "tls"]:
    if not plain:
        return "tls"
    return "none" if bare else "starttls"
