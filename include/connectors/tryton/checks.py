"""What `tieout doctor` asks the ERP."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from include.connectors.tryton.client import GRANTS, TrytonClient
from include.connectors.tryton.translate import READINGS, paths
from include.domain.diagnosis import Answer, Check, fail, ok, permissions, skew
from include.ports import Stop

SERIES_MIN = (8, 2)
"""The one this connector is tested with; its REST API is young."""

RIGHTS: Mapping[str, str] = {
    "account.invoice": "rwc",
    "account.invoice.line": "rc",
    "account.invoice.line-account.tax": "rc",
    "account.move.line": "r",
    "account.payment": "rc",
    "account.payment.journal": "r",
    "account.tax": "r",
    "company.company": "r",
    "country.country": "r",
    "currency.currency": "r",
    "ir.action.wizard": "r",
    "ir.lang": "r",
    "ir.message": "r",
    "ir.model": "r",
    "ir.model.button": "r",
    "ir.model.field": "r",
    "ir.session.wizard": "cd",
    "ir.translation": "r",
    "party.address": "rc",
    "party.contact_mechanism": "rc",
    "party.identifier": "r",
    "party.party": "rc",
    "product.category": "r",
    "product.category-customer-account.tax": "r",
    "product.product": "r",
    "product.template": "r",
    "res.group": "r",
    "sale.line": "rcd",
    "sale.line-account.tax": "rc",
    "sale.sale": "rwc",
    "sale.subscription": "r",
    "sale.subscription.amendment": "r",
    "sale.subscription.line": "r",
    "sale.subscription.recurrence.rule": "r",
    "sale.subscription.recurrence.rule.set": "r",
    "stock.location": "r",
}
"""Model -> what we do with it, by first letters. The role of our module (include/tryton_module) grants the same."""

MODELS_MAX = 2_000
SHOWN_MAX = 12
_POWER = "ir.model.access"
_OPEN = ("ir.", "res.")
"""Tryton's own models. Reading those is no news of the company; changing them is."""

_FIRST = "party.party"
_LOGIN = (
    "check address, database and key of the connection erp_api, and that the application's key is validated"
)
_FEW = (
    "give the key's user the role Tieout of our module (include/tryton_module), and update the module there"
)
_MANY = "let the key's user be no administrator, and have the role Tieout of our module alone"


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
    known = _models(client)
    granted = client.access(sorted({*known, _POWER}))
    for model, letters in RIGHTS.items():
        if model not in known:
            few.setdefault(model, "is not there")
        elif lacking := [grant for grant in GRANTS if grant[0] in letters and not granted[model][grant]]:
            few.setdefault(model, f"our user may not {', '.join(lacking)}")
    return permissions(few=few, many=_excess(granted), mend_few=_FEW, mend_many=_MANY)


def _models(client: TrytonClient) -> set[str]:
    """The names of the models that the database has; those we know of where it does not tell."""
    try:
        found = client.search("ir.model", domain=[], fields=["name"], order=["id"], size=MODELS_MAX)
    except Stop:
        return set(RIGHTS)
    return {str(one["name"]) for one in found}


def _excess(granted: Mapping[str, Mapping[str, bool]]) -> Sequence[str]:
    """What the key's user may do beyond need; of too much to name, what changes something before what is read."""
    if granted[_POWER]["write"]:
        return ["do everything (it may change what anybody may do, as an administrator)"]
    beyond = [
        (grant, model)
        for model, may in granted.items()
        for grant in GRANTS
        if may[grant] and grant[0] not in RIGHTS.get(model, "") and not (grant == "read" and _open(model))
    ]
    named = [f"{grant} {model}" for grant, model in sorted(beyond, key=lambda one: (one[0] == "read", one))]
    shown = sorted(named[:SHOWN_MAX])
    if len(named) > len(shown):
        shown[-1] += f" and {len(named) - len(shown)} things more"
    return shown


def _open(model: str) -> bool:
    """Tryton's own words, and settings, which everybody reads."""
    return model.startswith(_OPEN) or "configuration" in model.split(".")
