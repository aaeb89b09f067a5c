"""What the reports say beyond the day's figures: the shape of reporting.yaml."""

from typing import Annotated

from pydantic import Field, PositiveInt

from include.policy.strict import Strict

RowsOfASheet = Annotated[int, Field(gt=0, lt=1_000_000)]
"""A spreadsheet has no more than 1,048,576."""


class Baseline(Strict):
    """How it was before: what each item takes by hand, and how long a won deal waited for its invoice."""

    minutes_per_payment: PositiveInt
    minutes_per_write_off: PositiveInt
    won_to_invoice_days: PositiveInt


class Claims(Strict):
    """What was promised, in percent of the baseline."""

    manual_work_saved: int = Field(ge=0, le=100)
    won_to_invoice_saved: int = Field(ge=0, le=100)


class Reporting(Strict):
    """How finance is told."""

    mail_past_days: bool
    breaks_shown: PositiveInt
    causes_shown: PositiveInt
    matches_attached_max: RowsOfASheet
    open_invoices_attached_max: RowsOfASheet
    breaks_attached_max: RowsOfASheet
    precision_days: PositiveInt
    entities: dict[str, frozenset[Annotated[str, Field(pattern="^[A-Z]{2}$")]]]
    baseline: Baseline
    claims: Claims
