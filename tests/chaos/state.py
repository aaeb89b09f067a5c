"""What is there after a flow: in three systems and in our tables, without ids that chance or a lost call may move."""

from collections.abc import Mapping
from typing import Any

from tests.checks import found_by_checks
from tests.kills.final import MODELS, OURS, SOBJECTS
from tests.simulation.store import Connection
from tests.simulation.wire import TwinInside

CANONICAL = (
    "accounts",
    "opportunities",
    "customers",
    "orders",
    "invoices",
    "payments",
    "attempts",
    "refunds",
)


def state_of(twin: TwinInside, connection: Connection, *, restless: bool) -> dict[str, Any]:
    """Name of what is held -> its rows; the checks that find something; the outputs of the newest certificate."""
    state: dict[str, Any] = {"restless": restless}
    for name, fields in SOBJECTS.items():
        told = [
            one for one in fields.split(", ") if "." not in one and (one != "Id" or name == "Opportunity")
        ]
        rows = twin.org.sobjects[name.lower()].records
        state[name] = sorted(str({one: row.get(one) for one in told}) for row in rows)
    for model, names in MODELS.items():
        rows = twin.database.tables[model].all()
        state[model] = sorted(str({name: row.get(name) for name in names}) for row in rows)
    for listing in ("charges", "payment_intents"):
        kept = ("amount", "currency", "status", "metadata", "amount_refunded")
        state[listing] = sorted(
            str({n: one.body.get(n) for n in kept}) for one in twin.listings[listing].items
        )
    for entity in CANONICAL:
        query = f"SELECT native_id, row_hash FROM canonical.{entity} WHERE superseded_in IS NULL"
        state[entity] = sorted(str(row) for row in connection.execute(query).fetchall())
    for name, query in OURS.items():
        if name != "inbox":  # what was asked again under another name says nothing of how it ends
            state[f"our {name}"] = sorted(str(row) for row in connection.execute(query).fetchall())
    state["checks"] = sorted(found_by_checks(connection))
    query = "SELECT certificate -> 'outputs' AS outputs FROM recon.runs ORDER BY computed_at DESC LIMIT 1"
    state["certificate"] = [str(row["outputs"]) for row in connection.execute(query).fetchall()]
    return state


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What is otherwise, in words; empty when nothing is."""
    return "; ".join(
        f"{name}: {_only(found[name], expected[name])} and not {_only(expected[name], found[name])}"
        for name in expected
        if found[name] != expected[name]
    )[:600]


def _only(these: Any, those: Any) -> Any:
    return [one for one in these if one not in those] if isinstance(these, list) else these
