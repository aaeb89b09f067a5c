"""What `tieout doctor` asks the ERP."""

from collections.abc import Callable, Sequence
from datetime import datetime

from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.translate import READINGS, paths
from include.domain.diagnosis import Answer, Check, fail, ok, permissions, skew
from include.ports import Stop

SERIES_MIN = (8, 2)
"""The one this connector is tested with; its REST API is young."""

_FIRST = "party.party"
_LOGIN = (
    "check address, database and key of the connection erp_api, and that the application's key is validated"
)
_FEW = "activate Tryton's module for it, and let the key's user read it"


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
    return permissions(few=few, many=(), mend_few=_FEW, mend_many="")
