"""Reports to look at: a day that ties with work to do, one that does not tie, a quiet one, a week."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from include.domain.proofs import ControlTotal
from include.domain.recipients import Scope
from include.report import (
    AgingTotal,
    AmbiguousTotal,
    AppliedTotal,
    ArrMonth,
    BreakTotal,
    ChangeTotal,
    OpenBreak,
    Posted,
    PostedTotal,
    QualityVerdict,
    ReportFacts,
    RestatedFigure,
    RestatedTotal,
    Restatement,
)
from include.report.period_facts import (
    Baseline,
    Cause,
    DayPoint,
    Deals,
    PeriodFacts,
    Received,
    Resolved,
)

DAY = date(2026, 6, 30)
LINK = "https://airflow.example/tieout/breaks/4d1c7a52-6a53-5f3e-9d9e-2f4b1f6c7e10"


def total(side: str, currency: str, rows: int, *minors: int) -> ControlTotal:
    loaded, matched, left, excluded = minors
    return ControlTotal(
        recon="R3",
        side=side,
        currency=currency,
        loaded_count=rows,
        loaded_minor=loaded,
        matched_minor=matched,
        open_minor=left,
        excluded_minor=excluded,
    )


def need(code: str, name: str, key: str, minor: int, severity: str, **more: str | int) -> OpenBreak:
    facts = {
        "age_days": 3,
        "owner": "AR",
        "action": "apply or refund",
        "evidence": "nothing names an invoice",
    }
    return OpenBreak(
        code=code,
        name=name,
        key=key,
        amount_minor=minor,
        severity=severity,
        link=LINK,
        **{"currency": "SGD", **facts, **more},  # type: ignore[arg-type]
    )


BUSY = ReportFacts(
    run_id=UUID("4d1c7a52-6a53-5f3e-9d9e-2f4b1f6c7e10"),
    as_of=DAY,
    certificate_sha256="5be0c5a1f2" * 6 + "c0ff",
    totals=[
        total("invoice", "SGD", 18_412, 1_873_455_020, 1_702_310_995, 169_142_500, 2_001_525),
        total("invoice", "USD", 4_103, 1_210_400_000, 1_150_000_000, 60_400_000, 0),
        total("invoice", "JPY", 310, 98_450_000, 90_100_000, 8_350_000, 0),
        total("payment", "SGD", 17_990, 1_714_000_400, 1_702_310_995, 9_689_405, 2_000_000),
        replace(
            total("payment", "USD", 3_988, 1_151_000_000, 1_150_000_000, 1_000_000, 0), quarantined_count=2
        ),
        total("payment", "JPY", 295, 90_100_000, 90_100_000, 0, 0),
        ControlTotal(recon="all", side="opportunity", currency="SGD", loaded_count=2_204),
        ControlTotal(recon="all", side="bank_line", currency="SGD", loaded_count=812),
    ],
    applied=[
        AppliedTotal(rule="P0", currency="SGD", payments=9_120, amount_minor=903_110_995),
        AppliedTotal(rule="P1", currency="SGD", payments=7_630, amount_minor=702_000_000),
        AppliedTotal(rule="P1", currency="USD", payments=3_950, amount_minor=1_150_000_000),
        AppliedTotal(rule="P4", currency="JPY", payments=295, amount_minor=90_100_000),
        AppliedTotal(rule="P3", currency="SGD", payments=410, amount_minor=97_200_000),
    ],
    ambiguous=[
        AmbiguousTotal(candidates=2, currency="SGD", payments=21, amount_minor=3_104_050),
        AmbiguousTotal(candidates=0, currency="SGD", payments=4, amount_minor=88_000),
    ],
    breaks=[
        BreakTotal(
            code="CA01",
            name="unapplied cash",
            currency="SGD",
            breaks=18,
            amount_minor=6_497_355,
            held=18,
            held_minor=6_497_355,
        ),
        BreakTotal(
            code="CA16",
            name="ambiguous match",
            currency="SGD",
            breaks=25,
            amount_minor=3_192_050,
            held=25,
            held_minor=3_192_050,
        ),
        BreakTotal(
            code="CA07",
            name="bank/correspondent fee",
            currency="SGD",
            breaks=40,
            amount_minor=-61_210,
            settled=40,
        ),
        BreakTotal(
            code="CA01",
            name="unapplied cash",
            currency="USD",
            breaks=38,
            amount_minor=1_000_000,
            held=38,
            held_minor=1_000_000,
        ),
        BreakTotal(
            code="PO01",
            name="payout not in bank",
            currency="SGD",
            breaks=1,
            amount_minor=4_410_020,
        ),
        BreakTotal(
            code="DQ01",
            name="row quarantined",
            currency="USD",
            breaks=2,
            amount_minor=None,
        ),
    ],
    top=[
        need(
            "PO01",
            "payout not in bank",
            "po_1PqR9z2eZvKYlo2C",
            4_410_020,
            "S1",
            owner="Treasury",
            action="trace",
            age_days=4,
            evidence="paid out 2026-06-26; no credit of SGD 44,100.20 at DBS 003-9 since",
        ),
        need(
            "CA13",
            "refund without credit note",
            "re_3MmlLr",
            -1_250_000,
            "S1",
            assignee="mei.tan",
            action="issue CN or reverse",
            evidence="refund of 2026-06-28; INV-10412 stays settled",
        ),
        need(
            "OR04",
            "currency mismatch",
            "006Gx000004Qm2",
            3_000_000,
            "S1",
            owner="Deal Desk",
            currency="USD",
            action="hold invoice",
            evidence="deal in USD, order SO-2231 in SGD",
        ),
        need(
            "CA01",
            "unapplied cash",
            "ch_3OqX",
            880_000,
            "S2",
            age_days=12,
            evidence="payer wrote “June retainer”; 3 invoices of ACME Pte Ltd are open, none for it",
        ),
        need(
            "CA16",
            "ambiguous match",
            "ch_3OqY",
            1_234_500,
            "S3",
            action="choose suggestion",
            evidence="INV-10398 and INV-10402 fit equally; the remittance advice would decide",
        ),
    ],
    aging=[
        AgingTotal(currency="SGD", bucket="current", invoices=610, open_minor=81_142_500),
        AgingTotal(currency="SGD", bucket="1-30", invoices=240, open_minor=52_000_000),
        AgingTotal(currency="SGD", bucket="31-60", invoices=80, open_minor=20_000_000),
        AgingTotal(currency="SGD", bucket="61-90", invoices=31, open_minor=9_000_000),
        AgingTotal(currency="SGD", bucket="over-90", invoices=22, open_minor=7_000_000),
        AgingTotal(currency="USD", bucket="current", invoices=110, open_minor=40_400_000),
        AgingTotal(currency="USD", bucket="over-90", invoices=9, open_minor=20_000_000),
        AgingTotal(currency="JPY", bucket="1-30", invoices=12, open_minor=8_350_000),
    ],
    quarantined=[
        "payments.csv:18: amount: '1,200.00' is not a plain decimal number",
        "payments.csv:44: currency: 'US' is no currency",
    ],
    compared_with=date(2026, 6, 29),
    changes=[
        ChangeTotal(change="opened", currency="SGD", breaks=14, amount_minor=5_120_000),
        ChangeTotal(change="opened", currency="USD", breaks=2, amount_minor=3_040_000),
        ChangeTotal(change="closed", currency="SGD", breaks=31, amount_minor=4_402_050),
        ChangeTotal(change="moved", currency="SGD", breaks=3, amount_minor=-120_000),
    ],
    arr=[
        ArrMonth(
            month=date(2026, 6, 1),
            currency="SGD",
            opening_minor=1_204_000_000,
            new_minor=31_200_000,
            expansion_minor=12_050_000,
            contraction_minor=4_000_000,
            churn_minor=9_600_000,
            reactivation_minor=1_200_000,
            fx_minor=-2_310_000,
            closing_minor=1_232_540_000,
            left_out=["TWD"],
        )
    ],
    quality=[
        QualityVerdict(
            suite="freshness",
            expectation="bank_lines are recent",
            verdict="warn",
            sentence="The newest of the bank lines is of 2026-06-25, older than 2 business days.",
            observed="2026-06-25",
            owner="Treasury",
        ),
        QualityVerdict(
            suite="invoices",
            expectation="invoices.customer_id is there",
            verdict="pass",
            sentence="Every one of the invoices has a value for customer.",
            observed="0 of 18,412",
            owner="AR",
        ),
        QualityVerdict(
            suite="drift",
            expectation="the newest day's volume as before",
            verdict="unjudged",
            sentence="Could not be judged: the newest day's volume as before.",
            observed="too little to judge by",
            owner="Controller",
        ),
    ],
    not_asked=["contacts", "extract_fx"],
    posted=Posted(
        days=90,
        totals=[
            PostedTotal(
                currency="SGD",
                payments=5_812,
                amount_minor=512_004_020,
                taken_back=2,
                taken_back_minor=134_000,
                worth_minor=512_004_020,
                taken_back_worth_minor=134_000,
            ),
            PostedTotal(
                currency="USD",
                payments=1_104,
                amount_minor=301_450_000,
                taken_back=0,
                taken_back_minor=0,
                worth_minor=406_957_500,
                taken_back_worth_minor=0,
            ),
        ],
    ),
    unrated=["TWD"],
)


def many_posted(currencies: Sequence[str]) -> Posted:
    """Of each currency some payments, and one that was taken back."""
    [one, _] = BUSY.posted.totals if BUSY.posted else ()
    return Posted(
        days=90, totals=[replace(one, currency=currency, worth_minor=None) for currency in currencies]
    )


QUIET = replace(
    BUSY,
    totals=[replace(one, quarantined_count=0) for one in BUSY.totals],
    breaks=[],
    top=[],
    ambiguous=[],
    quarantined=[],
    changes=[],
    quality=BUSY.quality[1:],
    unrated=[],
)

RESTATEMENT = Restatement(
    learnt=[("payments", 3), ("invoices", 1)],
    items=[
        RestatedTotal(side="invoice", currency="SGD", why="late", items=3, was_minor=3_300_000, now_minor=0),
        RestatedTotal(
            side="payment", currency="SGD", why="withdrawn", items=1, was_minor=0, now_minor=-50_000
        ),
    ],
    figures=[
        RestatedFigure(
            what="invoices open, 1-30",
            currency="SGD",
            was=240,
            now=237,
            was_minor=52_000_000,
            now_minor=48_700_000,
        ),
        RestatedFigure(what="breaks DQ01", currency="", was=2, now=0, was_minor=0, now_minor=0),
    ],
)

BROKEN = replace(
    BUSY,
    totals=[replace(BUSY.totals[0], matched_minor=1_702_310_900), *BUSY.totals[1:]],
    restatement=RESTATEMENT,
    scope=Scope(currencies=frozenset({"SGD", "USD", "JPY"})),
    locale="de_DE",
)

MONTH = PeriodFacts(
    edition="month_end",
    run_id=BUSY.run_id,
    certificate_sha256=BUSY.certificate_sha256,
    since=date(2026, 6, 1),
    until=DAY,
    told_with=DAY,
    days=[
        DayPoint(
            as_of=date(2026, 6, 1) + timedelta(n),
            breaks=140 - 3 * n,
            critical=3 if n < 9 else 1,
            held=90 - 2 * n,
            held_worth_minor=22_000_000 - 410_000 * n,
        )
        for n in range(30)
    ],
    causes=[
        Cause(code="CA01", name="unapplied cash", breaks=112, closed=94, worth_minor=41_200_000),
        Cause(code="PO01", name="payout not in bank", breaks=6, closed=5, worth_minor=22_800_000),
        Cause(code="CA07", name="bank/correspondent fee", breaks=640, closed=640, worth_minor=930_000),
        Cause(code="ID06", name="name-only candidate", breaks=44, closed=12, worth_minor=None),
    ],
    resolved=[
        Resolved(owner="AR", breaks=760, by_policy=640, median_days=1, most_days=6),
        Resolved(owner="Treasury", breaks=11, by_policy=0, median_days=2, most_days=9),
    ],
    received=[
        Received(
            currency="SGD",
            received=4_210,
            received_minor=391_000_000,
            applied=4_140,
            applied_minor=384_300_000,
            received_worth_minor=391_000_000,
            applied_worth_minor=384_300_000,
        ),
        Received(
            currency="USD",
            received=911,
            received_minor=240_050_000,
            applied=890,
            applied_minor=236_000_000,
            received_worth_minor=324_067_500,
            applied_worth_minor=318_600_000,
        ),
    ],
    deals=Deals(
        won=38,
        invoiced=35,
        median_days=Decimal(1),
        mean_days=Decimal("1.4"),
        least_mean_days=Decimal("2.1"),
        longest_waiting_days=9,
    ),
    baseline=Baseline(
        minutes_per_payment=6,
        minutes_per_write_off=10,
        won_to_invoice_days=5,
        manual_work_claim=90,
        won_to_invoice_claim=30,
    ),
)

WEEK = replace(
    MONTH,
    edition="weekly",
    since=date(2026, 6, 22),
    until=date(2026, 6, 28),
    told_with=date(2026, 6, 28),
    days=[one for one in MONTH.days if date(2026, 6, 22) <= one.as_of <= date(2026, 6, 28)],
    received=MONTH.received[:1],
    scope=Scope(currencies=frozenset({"SGD"}), countries=frozenset({"MY", "SG"})),
)
