"""Airflow to those who must hear at once: its connections become channels of alerts, its own address their links."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Variable, conf, get_current_context
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from include.ports import Fatal, Herald, Retryable
from include.wiring import connections, days, files, mail, schedules
from include.wiring.environment import connection_or_none, named

if TYPE_CHECKING:
    from include.domain.alert_words import Words
    from include.domain.alerts import Channel

PING_TIMEOUT_S = 10
SILENCE = "tieout_watch_silent"
"""The variable that says since when nobody could look, and who was told; there is none while somebody can."""
SLACK = "https://hooks.slack.com/services"

log = logging.getLogger(__name__)


def watch() -> dict[str, Any]:
    """Look at what is true now, and tell who must hear of it; what became of it.

    Where our own database does not let us look, that is told by the same channels, whose connections are Airflow's.
    """
    channels = list(heralds())
    try:
        done = _looked(channels)
    except (Retryable, Fatal) as error:
        _tell_silence(channels, error)
        raise
    _tell_recovery(channels)
    return done


def _looked(channels: list[Herald]) -> dict[str, Any]:
    """The sign of life comes before the telling: a channel that is slow is no watch that is dead.

    Where no channel works none is left, so that those outside look.
    """
    from include.flows.raise_alerts import raise_alerts
    from include.flows.tell_alerts import deaf, tell_alerts

    store, policy = connections.store(), connections.policy()
    found = raise_alerts(store, policy, connected=files.connected())
    done: dict[str, Any] = {"alerts": dict(found)}
    done["ping"] = "not told: no channel works" if deaf(store, channels, policy) else ping()
    done["told"] = tell_alerts(store, channels, policy, words())
    return done


def _tell_silence(channels: list[Herald], error: Exception) -> None:
    """What was told is kept in a variable of Airflow's, for our database is what is away."""
    from include.flows.tell_silence import Silence, tell_silence

    before = Silence.read(Variable.get(SILENCE, default=None))
    cause = type(error.__cause__ or error.__context__ or error).__name__
    after = tell_silence(channels, before, words(), error=cause, now=datetime.now(UTC))
    if after != before:
        Variable.set(SILENCE, after.kept(), description="nobody watches: told when")


def _tell_recovery(channels: list[Herald]) -> None:
    from include.flows.tell_silence import Silence, tell_recovery

    stated = Variable.get(SILENCE, default=None)
    if stated is None:
        return
    silence = Silence.read(stated)
    left = tell_recovery(channels, silence, words(), now=datetime.now(UTC)) if silence else None
    if left is None:
        Variable.delete(SILENCE)
    elif left != silence:
        Variable.set(SILENCE, left.kept(), description="nobody watches: told when")


async def hasten(**_context: Any) -> None:
    """Look now and not in a few minutes: what Airflow calls when a deadline passes. It decides nothing itself.

    The triggerer runs it: what an executor calls back may not read connections (apache/airflow#66141).
    """
    log.info("%s", await asyncio.to_thread(watch))


def _due_in(**interval: float) -> DeadlineAlert:
    """Makes the watch look so long after a run's logical date; what is late then is in policy/alerts.yaml.

    Not after it was queued: Airflow 3.3 cannot clear a run that has such a deadline (apache/airflow#70368).
    """
    reference = DeadlineReference.DAGRUN_LOGICAL_DATE
    return DeadlineAlert(reference=reference, interval=timedelta(**interval), callback=AsyncCallback(hasten))


TRIES_OF_A_DAY = 5
"""After half a minute, and twice as long each time: a quarter of an hour in all. While Airflow's API server is away no
try begins, and each counts.
"""

DAY_DUE = _due_in(hours=24 + 6)
READ_DUE = _due_in(minutes=10 + 40)
"""What policy/freshness.yaml promises of a source holds only while its reads end; see `flows` of policy/alerts.yaml."""


def note_day(_context: Any = None) -> None:
    """Keep which of Airflow's runs began with the day, so that an alert about the day can name it."""
    context = get_current_context()
    with connections.store().transaction() as tx:
        tx.run("note_day_run", as_of=days.as_of(), dag_run=context["dag_run"].run_id)


def day_settings(*, pool: str) -> dict[str, Any]:
    """What a DAG of business days has: a deadline, runs known by their day, more tries: nothing makes up for a run."""
    common = schedules.dag_settings(pool=pool)
    ours = common["default_args"] | {"on_execute_callback": note_day, "retries": TRIES_OF_A_DAY}
    return common | {"default_args": ours, "deadline": DAY_DUE}


def read_settings() -> dict[str, Any]:
    """What a DAG has that reads a source of which policy promises how fresh it is."""
    return schedules.dag_settings(pool="tieout_extract") | {"deadline": READ_DUE}


def heralds() -> Iterator[Herald]:
    """Who tells: a webhook where connection `alerts_slack` has one, mail to whom variable `alert_recipients` names.

    One that cannot be made fails like one that cannot be reached.
    """
    from include.flows.tell_alerts import Mute

    makes: dict[Channel, Callable[[], Herald | None]] = {"slack": _slack, "mail": _mail}
    for channel, make in makes.items():
        try:
            herald = make()
        except Exception as error:  # noqa: BLE001  # whatever its connection holds, and without a stack that quotes it
            herald = Mute(channel, f"{channel}: its connection cannot be used ({type(error).__name__})")
        if herald is not None:
            yield herald


def _slack() -> Herald | None:
    if not webhook_address():
        return None
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    from include.connectors.slack.client import TIMEOUT_S, SlackHerald

    hook = SlackWebhookHook(slack_webhook_conn_id=named("alerts_slack"), timeout=TIMEOUT_S, retry_handlers=[])
    return SlackHerald(hook.client)


def _mail() -> Herald | None:
    from include.connectors.mail.alerts import MailHerald

    told = recipients()
    return MailHerald(mail.postman(), told) if told else None


def webhook_address() -> str:
    """Where the webhook is: connection `alerts_slack`, whole in its password or begun in its host; "" without one."""
    connection = connection_or_none("alerts_slack")
    if connection is None:
        return ""
    secret = (connection.password or "").strip()
    if not secret or "://" in secret:
        return secret
    return f"{connections.address_of(connection) if connection.host else SLACK}/{secret.lstrip('/')}"


def recipients() -> list[str]:
    """Who gets alerts by mail: variable `alert_recipients`, addresses separated by commas; none where it is empty."""
    stated = str(Variable.get("alert_recipients", default="") or "")
    return [one for one in stated.replace(",", " ").replace(";", " ").split() if "@" in one]


def words() -> "Words":
    """How alerts are worded: money as everywhere, and links below Airflow's own address (`[api] base_url`)."""
    from include.domain.alert_words import Words
    from include.flows.gather_facts import moment, money

    address = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return Words(money, moment, address if address.startswith(("http://", "https://")) else "")


def ping() -> str:
    """A sign of life to who outside expects one (connection `alerts_ping`), and what came of it; none stops us."""
    connection = connection_or_none("alerts_ping")
    if connection is None or not connection.host:
        return "nobody outside expects a sign of life"
    import requests

    from include.connectors.wire import NO_RETRIES, bounded_session

    try:
        address = connections.address_of(connection)
        with bounded_session(NO_RETRIES) as session:
            # A stream: what it says is not read.
            answer = session.get(address, timeout=PING_TIMEOUT_S, allow_redirects=False, stream=True)
            return f"told: {answer.status_code}"
    except (requests.RequestException, Fatal) as error:
        log.warning("the outside was not told that we live (%s)", type(error).__name__)
        return f"not told: {type(error).__name__}"
