"""Every cent of a payment is applied, given back, or held: what is held is what the control totals have open."""

from datetime import date

from include.flows.reconcile import reconcile
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, load
from tests.report.held import told

DAY = date(2026, 3, 31)

CUSTOMERS = """
    C1 Alpha - SG
    C2 Beta  - SG
"""
INVOICES = """
    1 INV-1 C1 2026-03-01 2026-03-31 SGD 10.00
    2 INV-2 C1 2026-03-01 2026-03-31 SGD 20.00
    3 INV-3 C2 2026-03-01 2026-03-31 SGD 40.00
    4 INV-4 C2 2026-03-01 2026-03-31 USD 80.00
    5 INV-5 C1 2026-03-01 2026-03-31 SGD 15.00
    6 INV-6 C1 2026-03-01 2026-03-31 SGD 700.00
    7 INV-7 C1 2026-03-01 2026-03-31 SGD 33.00
    8 INV-8 C1 2026-03-12 2026-03-31 SGD 500.00 paid
"""
PAYMENTS = """
    whole       C1 INV-1     SGD 10.00   2026-03-10 succeeded -
    over        C1 INV-2     SGD 24.00   2026-03-10 succeeded -
    part        C2 INV-4     USD 30.00   2026-03-10 succeeded -
    wrong       C1 -         SGD 40.00   2026-03-10 succeeded 3
    nobody's    -  -         SGD 7.00    2026-03-10 succeeded -
    unnamed     C2 -         USD 6.50    2026-03-11 succeeded -
    given_back  C2 -         SGD 9.00    2026-03-11 succeeded -
    in_part     C2 -         SGD 90.00   2026-03-11 succeeded -
    asked_back  C2 -         USD 5.00    2026-03-11 succeeded -
    kept_back   C1 INV-5     SGD 21.00   2026-03-11 succeeded -
    scaled      C1 INV-6     SGD 70.00   2026-03-12 succeeded -
    reversed    C2 for_tea   SGD 3.00    2026-03-12 succeeded -
    takes       C2 for_tea   SGD -3.00   2026-03-13 succeeded -
    takes_what  C2 -         SGD -11.00  2026-03-13 succeeded -
    failed      C1 INV-7     SGD 33.00   2026-03-13 failed    -
    disputed    C2 -         SGD 12.00   2026-03-13 succeeded -
    unheard_of  C1 INV-7     SGD 33.00   2026-03-13 perhaps   -
    8           C2 -         SGD 2.00    2026-03-13 succeeded -
"""
REFUNDS = """
    R1 given_back SGD 9.00  2026-03-20 succeeded
    R2 in_part    SGD 25.00 2026-03-20 succeeded
    R3 asked_back USD 2.00  2026-03-20 pending
    R4 kept_back  SGD 4.00  2026-03-20 succeeded
    R5 in_part    SGD 1.00  2026-03-20 failed
"""
DISPUTES = """
    D1 disputed SGD 12.00 2026-03-20 lost
"""


def test_a_payment_is_held_for_what_is_left_of_it_whatever_its_break_says(
    draw: Draw, store: PostgresStore
) -> None:
    load(
        store,
        draw(customers=CUSTOMERS, invoices=INVOICES, payments=PAYMENTS, refunds=REFUNDS, disputes=DISPUTES),
    )
    found = told(store, reconcile(store, as_of=DAY, policy=load_policy()).run_id)
    assert found.held_minor == found.open_minor
    assert found.held == {"CA01": 5, "CA02": 1, "CA06": 1, "CA20": 1}
    assert found.held_minor == {"SGD": 22300, "USD": 950}
