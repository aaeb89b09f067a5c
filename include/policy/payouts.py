"""policy/payouts.yaml."""

from include.policy.strict import Strict


class Contract(Strict):
    """What the card platform takes of a charge. See policy/payouts.yaml."""

    percent_bps: int
    percent_bps_in: dict[str, int]
    fixed_minor: dict[str, int]
    equivalent_within_percent: int
    least_charges: int
    misfit_least_payouts: int


class PayoutDays(Strict):
    """How long money may be on its way, in days unless a name says business."""

    payout_every: int
    settling: int
    payout_late: int
    wire_before: int
    wire_after: int
    payout_after: int
    payout_grace_business: int
    timing_business: int
    resend: int


class Payouts(Strict):
    """What R4 takes for granted about payouts and the bank's lines."""

    contract: Contract
    days: PayoutDays
    unexplained_debits: bool
    conversion_within_percent: int
    blank_references: tuple[str, ...]
    payout_item_kinds: dict[str, tuple[str, ...]]
