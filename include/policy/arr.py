"""policy/arr.yaml."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from include.domain.arr_bridge import View
from include.domain.breaks import REPORTING_CURRENCY
from include.domain.fx import rates_to
from include.domain.subscriptions import ArrRules
from include.policy.strict import Strict


class Budget(Strict):
    """Constant exchange rates: `rates` are units of a currency for one of `base`."""

    base: str
    rates: dict[str, Decimal]

    def worth(self) -> dict[str, Decimal]:
        """Currency -> units of the reporting currency for one of it."""
        return rates_to(REPORTING_CURRENCY, [(self.base, quote, rate) for quote, rate in self.rates.items()])


class Arr(Strict):
    """How annual recurring revenue is recalculated and shown."""

    pause: Literal["ZERO", "KEEP"]
    keep_days: int = Field(ge=0, le=90)
    renewal_grace_days: int = Field(ge=0)
    bridge_view: View
    budget: Budget

    @property
    def rules(self) -> ArrRules:
        return ArrRules(
            kept_pause_days=self.keep_days if self.pause == "KEEP" else 0,
            renewal_grace_days=self.renewal_grace_days,
        )
