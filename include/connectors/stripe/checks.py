"""What `tieout doctor` asks the payments platform."""

from collections.abc import Callable, Sequence
from datetime import datetime

from include.connectors.stripe.client import API_VERSION, StripePayments
from include.connectors.stripe.translate import COLLECTIONS
from include.domain.diagnosis import Answer, Check, fail, ok, permissions, skew
from include.ports import Stop

READ = (*dict.fromkeys(COLLECTIONS.values()), "balance_transactions")
_LOGIN = "check the key of the connection payments_api"
_FEW = "let the restricted key read what is named: Stripe's dashboard, Developers, API keys"
_MANY = "make a restricted key (rk_) that only reads, and put it into payments_api"


def checks(client: StripePayments, *, now: Callable[[], datetime]) -> Sequence[Check]:
    """Connection, API version, permissions and clock."""
    return [
        Check("connection", lambda: _connection(client), _LOGIN),
        Check("API version", lambda: _version(client), "tell the platform's owner"),
        Check("permissions", lambda: _permissions(client), _FEW),
        Check("clock", lambda: skew(client.server_now(READ[0]), now())),
    ]


def _connection(client: StripePayments) -> Answer:
    client.first(READ[0])
    return ok("the key is taken")


def _version(client: StripePayments) -> Answer:
    version = client.first(READ[0]).version
    if version == API_VERSION:
        return ok(f"answers in {version}, as asked")
    return fail(
        f"answers in {version or 'no version it names'}, not in {API_VERSION}",
        "give payments_api the address of Stripe itself, or of what speaks this version",
    )


def _permissions(client: StripePayments) -> Answer:
    few: dict[str, str] = {}
    for collection in READ:
        try:
            client.first(collection)
        except Stop as stop:
            few[collection] = f"must not be read ({stop})"
    # What a key may do, Stripe tells by its kind alone: https://docs.stripe.com/keys#limit-access.
    many = ["write everything (it is an unrestricted secret key)"] if client.unrestricted else []
    return permissions(few=few, many=many, mend_few=_FEW, mend_many=_MANY)
