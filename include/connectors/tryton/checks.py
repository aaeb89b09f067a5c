"""What `tieout doctor` asks the ERP."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from include.connectors.tryton.client import GRANTS, TrytonClient
from include.connectors.tryton.translate import READINGS, paths
from include.connectors.tryton.wizards import TrytonWizards
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
    "ir.rule": "r",
    "ir.rule.group": "r",
    "ir.rule.group-res.group": "r",
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

KEPT = (
    *("account.invoice", "account.invoice.line", "account.invoice.line-account.tax", "account.payment"),
    *("sale.line", "sale.line-account.tax", "sale.sale"),
)
"""Models of which others have records too: a rule of our module keeps our user from those."""

MODELS_MAX = 2_000
SHOWN_MAX = 12
_POWER = "ir.model.access"
_OPEN = ("ir.", "res.")
"""Tryton's own models. Reading those is no news of the company; changing them is."""

_ROLE, _OURS = "Tieout", "tieout_key"
"""The role of our module, and what each of its rules asks for."""
_WHOLE = tuple(f"perm_{grant}" for grant in GRANTS if grant != "read")

_FIRST = "party.party"
_LOGIN = (
    "check address, database and key of the connection erp_api, and that the application's key is validated"
)
_FEW = "give the user the role Tieout of our module (include/tryton_module), and update the module there"
_MANY = (
    "let the user be no administrator, and have the role Tieout of our module alone; its rules keep the user from what "
    "others have: update the module there"
)
_NAME = "name the key's own user and its password in the extra of erp_api, or another user with the same role"

Granted = Mapping[str, Mapping[str, bool]]


def checks(client: TrytonClient, wizards: TrytonWizards, *, now: Callable[[], datetime]) -> Sequence[Check]:
    """Connection, API version, permissions, those of who runs wizards where anybody is named for them, and clock."""
    login = Check("permissions of the login", lambda: _judged(client, wizards.access, {}), _NAME)
    return [
        Check("connection", lambda: _connection(client), _LOGIN),
        Check("API version", lambda: _version(client), "give erp_api the address of a Tryton server"),
        Check("permissions", lambda: _permissions(client), _FEW),
        *([login] if wizards.user else []),
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
    return _judged(client, client.access, few)


def _judged(client: TrytonClient, access: Callable[[Sequence[str]], Granted], few: dict[str, str]) -> Answer:
    """What a user may do too little, beside `few`, and too much."""
    known = _models(client)
    granted = access(sorted({*known, _POWER}))
    for model, letters in RIGHTS.items():
        if model not in known:
            few.setdefault(model, "is not there")
        elif lacking := [grant for grant in GRANTS if grant[0] in letters and not granted[model][grant]]:
            few.setdefault(model, f"our user may not {', '.join(lacking)}")
    many = _excess(granted) or (() if few else [f"change {one} of others" for one in _unkept(client)])
    return permissions(few=few, many=many, mend_few=_FEW, mend_many=_MANY)


def _unkept(client: TrytonClient) -> Sequence[str]:
    """Models of which no rule of our module keeps our user from what others have."""
    found = client.search(
        "ir.rule.group",
        domain=[["model", "in", list(KEPT)], ["global_p", "=", False]],
        fields=["model", *_WHOLE, "groups.name", "rules.domain"],
        order=["id"],
        size=MODELS_MAX,
    )
    # Tryton grants what any one rule of a role grants, so a second one that keeps nothing undoes ours.
    kept = {
        model: [_keeps(one) for one in found if one["model"] == model and _of_role(one)] for model in KEPT
    }
    return [model for model, those in kept.items() if not those or not all(those)]


def _of_role(rule_group: Mapping[str, Any]) -> bool:
    return any(group["name"] == _ROLE for group in rule_group["groups"])


def _keeps(rule_group: Mapping[str, Any]) -> bool:
    domains = [rule["domain"] for rule in rule_group["rules"]]
    return (
        all(rule_group[grant] for grant in _WHOLE) and bool(domains) and all(_OURS in one for one in domains)
    )


def _models(client: TrytonClient) -> set[str]:
    """The names of the models that the database has; those we know of where it does not tell."""
    try:
        found = client.search("ir.model", domain=[], fields=["name"], order=["id"], size=MODELS_MAX)
    except Stop:
        return set(RIGHTS)
    return {str(one["name"]) for one in found}


def _excess(granted: Granted) -> Sequence[str]:
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
