"""What `tieout doctor` asks the ERP."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.translate import READINGS, paths
from include.domain.diagnosis import Answer, Check, fail, ok, permissions, skew
from include.ports import Stop

SERIES_MIN = (8, 2)
"""The one this connector is tested with; its REST API is young."""

GROUPS = {"Sales", "Accounting", "Payment", "Payment Approval", "Party Administration"}
"""Of Tryton's own groups those whose rights together are what we read and write."""

KEYS_MAX = 100

_FIRST = "party.party"
_LOGIN = (
    "check address, database and key of the connection erp_api, and that the application's key is validated"
)
_FEW = "activate Tryton's module for it, and let the key's user read it"
_MANY = f"let the key's user be no administrator, and of these groups alone: {', '.join(sorted(GROUPS))}"


def checks(client: TrytonClient, *, now: Callable[[], datetime]) -> Sequence[Check]:
    """Connection, API version, permissions and clock."""
    return [
        Check("connection", lambda: _connection(client), _LOGIN),
        Check("API version", lambda: _version(client), "give erp_api the address of a Tryton server"),
        Check("permissions", lambda: _permissions(client), _FEW),
        Check("clock", lambda: skew(client.server_now(_FIRST), now())),
    ]


def _connection(client: TrytonClient) -> Answer:
    client.server_now(_FIRST)
    return ok("the REST API answers")


def _version(client: TrytonClient) -> Answer:
    series = client.series()
    numbers = tuple(int(part) for part in series.split(".") if part.isdigit())
    if numbers < SERIES_MIN:
        wanted = ".".join(map(str, SERIES_MIN))
        return fail(f"its series is {series[:20] or 'unknown'}, older than {wanted}", f"run Tryton {wanted}")
    return ok(f"series {series}")


def _permissions(client: TrytonClient) -> Answer:
    few: dict[str, str] = {}
    for entity, reading in READINGS.items():
        try:
            client.search(reading.model, domain=[], fields=["id", *paths(entity)], order=["id"], size=1)
        except Stop as stop:
            few[reading.model] = f"cannot be read ({stop})"
    return permissions(few=few, many=_excess(client), mend_few=_FEW, mend_many=_MANY)


def _excess(client: TrytonClient) -> Sequence[str]:
    """What the key's user is beyond need. A user sees the keys of its own alone, an administrator everybody's.

    Where groups have other names (they can be translated), only whether it is an administrator is told.
    """
    try:
        keys = client.search(
            "res.user.application",
            domain=[["state", "=", "validated"]],
            fields=["user.administrator", "user.groups.name"],
            order=["id"],
            size=KEYS_MAX,
        )
    except Stop:
        return ()  # a server of ours may keep it from its users
    users = [key["user"] for key in keys if isinstance(key.get("user"), Mapping)]
    if any(user.get("administrator") is True for user in users):
        return ["do everything (it is an administrator)"]
    names = {name for user in users for name in _names(user.get("groups"))}
    return [f"do what the group {name} may" for name in names - GROUPS] if names & GROUPS else ()


def _names(groups: Any) -> list[str]:
    listed = groups if isinstance(groups, list) else []
    return [str(one["name"]) for one in listed if isinstance(one, Mapping) and "name" in one]
