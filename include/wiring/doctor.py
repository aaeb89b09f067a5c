"""Airflow to `tieout doctor`: every connection becomes a system with its checks."""
# ruff: noqa: PLC0415  # what is heavy to import is imported for the system that needs it

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from include.domain.diagnosis import Answer, Check, System, Verdict, fail, ok, warn
from include.ports import Fatal, Row, Stop
from include.wiring import alerts, connections, files, mail, tokens, vault
from include.wiring.environment import connection, connection_or_none

_MAKE = "make it in Airflow (Admin, Connections), or name another in include/policy/environments.yaml"
_ROLES = "run `python -m include.console.roles` where Airflow runs"
_REVOKE = "take it from the role in Airflow (Security, List Roles), or give people a role that has it"
_ASKED = {"tieout_db", "tieout_vault", "salesforce_api", "erp_api", "payments_api", "finance_mail"}
"""Connections whose systems say themselves that they are missing; the others count as not configured."""

PLACES_NAMED = 6
"""Of the places where something is wrong."""

Checks = Callable[[], Sequence[Check]]


def systems(*, airflow: str) -> list[System]:
    """Everything Tieout speaks to, as Airflow's connections say; `airflow` is where Airflow's API answers."""
    for name in ("airflow", "urllib3"):  # what they warn of, a finding says
        logging.getLogger(name).setLevel(logging.ERROR)
    return [
        System("environment", _environment),
        System("database", _needs("tieout_db", _database)),
        System("Salesforce", _needs("salesforce_api", _salesforce)),
        System("ERP", _needs("erp_api", _erp)),
        System("payments", _needs("payments_api", _payments)),
        System("bank folder", _bank),
        System("FX", _fx),
        System("vault", _needs("tieout_vault", _vault)),
        System("mail", _needs("finance_mail", _mail)),
        System("alerts", _alerts),
        System("Airflow", lambda: _airflow(airflow)),
        *_console(),
    ]


def _now() -> datetime:
    return datetime.now(UTC)


def _needs(conn_id: str, make: Checks) -> Checks:
    def checks() -> Sequence[Check]:
        connection(conn_id)
        return make()

    return checks


def _environment() -> Sequence[Check]:
    """Where this is, and that every connection it needs is there under its name here, as far as no system says so."""
    where = connections.policy().environment

    def needed() -> Answer:
        absent = []
        for usual in set(where.required) - _ASKED:
            try:
                connection(usual)
            except Fatal:
                absent.append(where.named(usual))
        if absent:
            return fail(f"there is no connection {', '.join(sorted(absent))}", _MAKE)
        return ok("what else it needs is there")

    return [Check("name", _here), Check("connections", needed)]


def _here() -> Answer:
    policy = connections.policy()
    shadow = ", ".join(policy.environment.shadow) or "none"
    return ok(f"{policy.here}: {policy.environment.says}; flows that begin in shadow: {shadow}")


def _database() -> Sequence[Check]:
    from include.store import checks

    policy = connections.policy()
    zone = policy.calendars.entity.zone.key
    return checks.checks(connections.database_url(), now=_now, doubt=policy.delivery.pace.doubt, zone=zone)


def _salesforce() -> Sequence[Check]:
    from include.connectors.salesforce import checks

    asked = [*checks.checks(connections.salesforce_client(), now=_now), *tokens.checks()]
    # The token lies in our database: that this does not answer is told once, as its own.
    away = _unless_away(lambda: ok("" if tokens.salesforce_broker().state() else "none yet"))()
    return [replace(one, ask=lambda: away) for one in asked] if away.verdict is Verdict.SKIP else asked


def _erp() -> Sequence[Check]:
    from include.connectors.tryton import checks

    client = connections.erp_client()
    return checks.checks(client, connections.erp_wizards(client.address), now=_now)


def _payments() -> Sequence[Check]:
    from include.connectors.stripe import checks

    return checks.checks(connections.payments_client(), now=_now)


def _bank() -> Sequence[Check]:
    from include.connectors.bank.checks import checks
    from include.connectors.bank.client import StatementFolder

    path = files.place_of("bank_files")
    return checks(StatementFolder(Path(path), required=True), Path(path)) if path else ()


def _fx() -> Sequence[Check]:
    from include.connectors.ecb.checks import checks

    return checks(files.rates_place(), now=_now) if files.place_of("fx_rates") else ()


def _vault() -> Sequence[Check]:
    """That there are keys, and that they open what is sealed: nothing does in their place."""
    return [
        Check("keys", _unless_away(_keys_held)),
        Check("rows", _unless_away(_rows_in_clear)),
        Check("payloads", _unless_away(_payloads_in_clear)),
        Check("erasures", _unless_away(_erasures_waiting)),
    ]


def _keys_held() -> Answer:
    ring = vault.vault().keys
    held = {row["kid"]: row["held"] for row in _asked("sealed_by")}
    if lost := sorted(held.keys() - ring.keys.keys()):
        return fail(
            f"what {', '.join(lost)} sealed cannot be opened",
            "put that key back into the connection's password",
        )
    older = sum(count for kid, count in held.items() if kid != ring.kid)
    if older:
        return warn(f"{older:,} values are wrapped by older keys than {ring.kid}", "run `tieout keys rotate`")
    return ok(f"{ring.kid} seals, and opens {sum(held.values()):,} values")


def _rows_in_clear() -> Answer:
    [row] = _asked("in_clear")
    if row["held"]:
        return warn(
            f"{row['held']:,} rows from before hold personal data in clear",
            "run `tieout keys seal`",
        )
    return ok("no row of the canonical model holds personal data in clear")


def _payloads_in_clear() -> Answer:
    from include.sealing import look_for_clear

    looked = look_for_clear(connections.opening_store())
    if looked.clear:
        named = ", ".join(f"{place} ({count:,})" for place, count in looked.clear.most_common(PLACES_NAMED))
        return warn(
            f"of {looked.payloads:,} payloads that were looked into, as received, some hold personal data in "
            f"clear: {named}; there may be more",
            "run `tieout keys seal`, which looks into all of them",
        )
    return ok(f"none of {looked.payloads:,} payloads that were looked into holds personal data in clear")


def _erasures_waiting() -> Answer:
    if waiting := _asked("erasures_waiting"):
        named = [
            f"{one['record']}, asked for by {one['asked_by']} on {one['asked_at']:%Y-%m-%d}"
            for one in waiting[:PLACES_NAMED]
        ]
        return warn(
            f"erasures that wait for a second person ({len(waiting):,}): {'; '.join(named)}",
            "run `tieout shred` with --approve or --end; one that has lapsed after 31 days is asked for again",
        )
    return ok("no erasure has waited for a second person for a day")


def _asked(name: str) -> Sequence[Row]:
    with connections.opening_store().transaction() as tx:
        return tx.rows(name)


def _unless_away(ask: Callable[[], Answer]) -> Callable[[], Answer]:
    """The answer; none where the database gives none, which is told once, as its own."""

    def answer() -> Answer:
        try:
            return ask()
        except Stop as stop:
            if str(stop).startswith("Postgres"):
                return Answer(Verdict.SKIP, "not asked: the database does not answer")
            raise

    return answer


def _mail() -> Sequence[Check]:
    from include.connectors.mail.checks import checks

    return checks(mail.postman(), recipients=mail.recipients)


def _alerts() -> Sequence[Check]:
    from include.connectors.slack.checks import checks

    return checks(alerts.webhook_address, alerts.recipients)


def _console() -> Sequence[System]:
    """What Airflow's roles may do in the console; asked where we may read Airflow's database."""
    if os.environ.get("_AIRFLOW_PROCESS_CONTEXT") != "server":
        return ()

    def may() -> Answer:
        from include.console import roles

        held = roles.held()
        if many := list(roles.beyond(held)):
            return warn(f"more than there should be: {'; '.join(many)}", _REVOKE)
        if few := list(roles.lacking(held)):
            return warn(f"less than there should be: {'; '.join(few)}", _ROLES)
        return ok("every role may do in the console what it should, and no more")

    return [System("console", lambda: [Check("roles", may, _ROLES)])]


def _airflow(address: str) -> Sequence[Check]:
    from include.connectors.airflow.checks import checks

    if not address:
        raise Fatal("nobody says where Airflow answers; give --airflow http://host:8080")
    return [*checks(address, now=_now), Check("old rows", _airflows_old_rows)]


def _airflows_old_rows() -> Answer:
    """Whether Airflow's old rows are removed from here."""
    found = connection_or_none("airflow_db")
    if found is None or not found.host:
        said = "nobody removes them from here: connection airflow_db names no database; docs/retention.md"
        return Answer(Verdict.SKIP, said)
    return ok("the dag remove_old removes them")
