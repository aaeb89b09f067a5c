"""Books on which everything expected is met, and for every expectation the rows that break it: one landing later."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from include.domain.entities import ENTITIES, Kind
from include.policy import Policy
from include.ports import HeldInvoice

AS_OF = date(2026, 6, 30)
GOOD, BAD, BEFORE = (UUID(int=number) for number in (1, 2, 3))
"""The run that sees the first landing, the one that sees the second too, and the one both open with."""

CANARY = "Ada Lovelace <ada@example.com> DE89370400440532013000"
HOSTILE_CURRENCY = "<i>"
MORE = "'more-' || more"
_DAY = f"(DATE '{AS_OF}' - (i %% 280) * 7 / 10)"
"""280 rows over seven windows of 28 days."""

_ROWS: dict[str, tuple[int, dict[str, str]]] = {
    "accounts": (
        40,
        {
            "name": "'A'", "country": "'SG'", "currency": "'SGD'", "erp_customer_id": "'cus-1'", "parent_id": "'acc-1'",
            "modified_at": f"TIMESTAMPTZ '{AS_OF} 00:00Z' - interval '1 day' * (i %% 280)",
        },
    ),
    "contacts": (40, {"account_id": "'acc-1'", "email": "%(canary)s"}),
    "opportunities": (
        40,
        {
            "account_id": "'acc-1'", "stage": "'Won'", "currency": "'SGD'", "amount_minor": "100",
            "discount_percent": "5", "term_months": "12", "price_book_id": "'pb-1'", "erp_order_id": "'ord-1'",
        },
    ),
    "deal_lines": (
        40,
        {
            "opportunity_id": "'opp-1'", "product": "'P'", "quantity": "1", "list_price": "10", "amount_minor": "1000",
            "currency": "'SGD'",
        },
    ),
    "price_books": (20, {"name": "'Standard'", "is_active": "true"}),
    "customers": (
        40,
        {
            "name": "%(canary)s", "country": "'SG'", "currency": "'SGD'", "crm_account_id": "'acc-1'",
            "parent_id": "'cus-1'",
        },
    ),
    "orders": (
        280,
        {
            "number": "'SO-' || i", "customer_id": "'cus-1'", "order_date": _DAY, "currency": "'SGD'",
            "amount_minor": "1000 + i %% 40", "opportunity_id": "'opp-1'",
        },
    ),
    "invoices": (
        280,
        {
            "number": "'INV-' || i", "customer_id": "'cus-1'", "order_id": "'ord-1'", "issue_date": _DAY,
            "due_date": f"{_DAY} + 30", "currency": "'SGD'", "net_minor": "1000 + i %% 40", "tax_minor": "90",
            "gross_minor": "1090 + i %% 40",
        },
    ),
    "credit_notes": (
        40,
        {
            "number": "'CN-' || i", "customer_id": "'cus-1'", "invoice_id": "'inv-1'", "issue_date": _DAY,
            "currency": "'SGD'", "gross_minor": "100",
        },
    ),
    "subscriptions": (
        40,
        {
            "customer_id": "'cus-1'", "start_date": "'2026-01-01'", "end_date": "'2027-01-01'", "currency": "'SGD'",
            "quantity": "1", "unit_price": "10", "interval": "'month'",
        },
    ),
    "amendments": (
        40, {"subscription_id": "'sub-1'", "sequence": "i", "type": "'QTY'", "effective_date": "'2026-02-01'"},
    ),
    "payments": (
        280,
        {
            "customer_id": "'cus-1'", "payer_text": "%(canary)s", "reference": "%(canary)s", "currency": "'SGD'",
            "amount_minor": "1090 + i %% 40", "paid_on": _DAY, "invoice_id": "'inv-1'",
        },
    ),
    "attempts": (
        40,
        {
            "payment_id": "'pay-1'", "attempt_no": "1", "outcome": "'failed'", "occurred_at": "'2026-06-01T00:00Z'",
            "invoice_id": "'inv-1'",
        },
    ),
    "refunds": (280, {"payment_id": "'pay-1'", "currency": "'SGD'", "amount_minor": "10", "created_on": _DAY}),
    "disputes": (40, {"payment_id": "'pay-1'", "currency": "'SGD'", "amount_minor": "10", "opened_on": _DAY}),
    "payouts": (
        20,
        {
            "currency": "'SGD'", "net_minor": "1090 + (i + 20) %% 40",
            "arrival_date": f"DATE '{AS_OF}' - CASE WHEN i <= 20 THEN 7 + i ELSE 90 END",
        },
    ),
    "payout_items": (
        40,
        {
            "payout_id": "'po-1'", "payment_id": "'pay-1'", "type": "'charge'", "currency": "'SGD'",
            "gross_minor": "100", "fee_minor": "3", "net_minor": "97",
        },
    ),
    "bank_lines": (
        280,
        {
            "account": "%(canary)s", "value_date": _DAY, "currency": "'SGD'", "amount_minor": "1090 + i %% 40",
            "reference": "%(canary)s",
        },
    ),
    "fx_rates": (
        280,
        {"rate_date": _DAY, "from_currency": "'USD'", "to_currency": "'SGD'", "rate": "1.3", "source": "'ECB'"},
    ),
}  # fmt: skip
_PREFIXES = {
    "accounts": "acc", "customers": "cus", "opportunities": "opp", "orders": "ord", "invoices": "inv",
    "subscriptions": "sub", "payments": "pay", "payouts": "po", "price_books": "pb",
}  # fmt: skip

HELD = [HeldInvoice("inv-40", "SGD", Decimal("10.90")), HeldInvoice("inv-80", "SGD", Decimal("10.90"))]
IN_STEP = [*HELD, HeldInvoice("inv-42", "SGD", Decimal("10.92"))]
"""What Salesforce holds as the ERP has it: two of these days, and one of another month."""

OUT_OF_STEP = [
    *HELD,
    HeldInvoice("inv-41", "USD", Decimal("10.91")),
    HeldInvoice("nobody's", "SGD", Decimal(5)),
    HeldInvoice("inv-79", "SGD", Decimal("11.29")),
    HeldInvoice("inv-of-later", "SGD", Decimal(3)),
]
"""One that it has in another currency, one that the ERP never had, one that the ERP has no more; and four are missing,
one that we meant to tell it, and three of deals it won. The last landed after the run, which tells nothing of it."""

_TOLD = (
    "INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, finished_at) "
    "VALUES ('k', 'invoice_status', 'salesforce', 'invoices/inv-42', '{}', '', true, 'confirmed', now())"
)
_ENDED = "UPDATE canonical.invoices SET superseded_in = 2 WHERE native_id = 'inv-79'"

Sql = str
Seed = tuple[list[Sql], int]
"""Statements that break one expectation, and how many rows (or parts of a measure) it then finds."""


class Seeds:
    """The bad rows, by the name of the expectation each of them breaks."""

    def __init__(self, policy: Policy) -> None:
        self._words = {entity: next(iter(words)) for entity, words in policy.canonical_status.items()}
        self._words["payouts"] = policy.statuses["payouts"]["PAID"][0]
        self._words["invoices"] = policy.statuses["invoices"]["OPEN"][0]
        self._failed = policy.statuses["payments"]["FAILED"][0]
        self._used = 1000

    def good(self, entity: str) -> Sql:
        """The statement that fills an entity."""
        count, columns = _ROWS[entity]
        return self._insert(entity, columns | self._status(entity), f"generate_series(1, {count})", batch=1)

    def __call__(self, name: str) -> Seed:
        """The seed of an expectation. Raises KeyError when nobody has written one."""
        if name in _SPECIAL:
            return _SPECIAL[name](self)
        entity, _, rest = name.partition(".")
        column, _, says = rest.partition(" ")
        for pattern, change, found in _PATTERNS:
            if says.startswith(pattern) and entity in ENTITIES:
                return [self.bad(entity, **change(column))], found
        raise KeyError(name)

    def bad(self, entity: str, *, rows: int = 1, batch: int = 2, **changes: str) -> Sql:
        """Rows of the second landing, or of another, as good as the others but for the changes."""
        first, self._used = self._used + 37, self._used + 37 * rows
        numbers = f"generate_series({first}, {self._used}, 37)"
        return self._insert(entity, _ROWS[entity][1] | self._status(entity) | changes, numbers, batch=batch)

    def corrected(self, entity: str, day: str, **changes: str) -> list[Sql]:
        """The newest 28 days of an entity, stated anew."""
        recent = f"superseded_in IS NULL AND recorded_in = 1 AND {day} > DATE '{AS_OF}' - 28"
        numbers = (
            f"(SELECT i FROM generate_series(1, {_ROWS[entity][0]}) AS i WHERE {_DAY} > DATE '{AS_OF}' - 28)"
        )
        columns = _ROWS[entity][1] | self._status(entity) | changes
        return [
            f"UPDATE canonical.{entity} SET superseded_in = 2 WHERE {recent}",
            self._insert(entity, columns, f"{numbers} AS numbers", batch=2),
        ]

    def broke(self) -> list[Sql]:
        """Payments of the newest 28 days a thousand times as high, and failed; orders of a thousandth, of no deal."""
        return [
            *self.corrected(
                "payments", "paid_on", amount_minor="(1090 + i %% 40) * 1000", status=f"'{self._failed}'"
            ),
            *self.corrected("orders", "order_date", amount_minor="1", opportunity_id="NULL"),
        ]

    def won(self) -> Iterator[Sql]:
        """Invoices of deals that were won, which nobody meant to tell, one a day: each order names its deal by one form
        of its id, or is named by it."""
        for days, (deal, order, names, named) in enumerate(
            (
                ("opp-won", "ord-won", "'opp-won'", "ord-100"),
                ("006D000000IqhSLIAZ", "ord-short", "'006D000000IqhSL'", "ord-100"),
                ("opp-names", "ord-named", "NULL", "ord-named"),
            ),
            start=3,
        ):
            yield self.bad("opportunities", native_id=f"'{deal}'", erp_order_id=f"'{named}'", is_won="true")
            yield self.bad("orders", native_id=f"'{order}'", opportunity_id=names)
            yield self.bad(
                "invoices", native_id=f"'inv-{order}'", order_id=f"'{order}'",
                issue_date=f"DATE '{AS_OF}' - {days}", due_date=f"DATE '{AS_OF}'",
            )  # fmt: skip

    def strange_lines(self) -> list[Sql]:
        """A line of another amount than its payout, and one that names a payout and settles none."""
        return [
            "UPDATE canonical.bank_lines SET superseded_in = 2 WHERE native_id = 'x-25'",
            self.bad("bank_lines", native_id="'x-25'", amount_minor="1117"),
            self.bad("payouts", native_id="'po-of-long-ago'", arrival_date=f"DATE '{AS_OF}' - 50"),
            self.bad(
                "bank_lines", reference="'PAYOUT PO/OF/LONG/AGO'", value_date=f"DATE '{AS_OF}' - 2",
                native_id="'x-like-a-payout'",
            ),
        ]  # fmt: skip

    def _status(self, entity: str) -> dict[str, str]:
        return {"status": f"'{self._words[entity]}'"} if ENTITIES[entity].of_kind(Kind.STATUS) else {}

    def _insert(self, entity: str, columns: dict[str, str], numbers: str, *, batch: int) -> Sql:
        named = {"native_id": f"'{_PREFIXES.get(entity, 'x')}-' || i"} | columns
        fixed = {"version": "'1'", "place": "'here'", "row_hash": "'h'", "recorded_in": str(batch)}
        row = named | fixed
        return (
            f"INSERT INTO canonical.{entity} ({', '.join(row)}) SELECT {', '.join(row.values())} "
            f"FROM {numbers if ' AS ' in numbers else f'{numbers} AS i'}"
        )


_PATTERNS: tuple[tuple[str, Callable[[str], dict[str, Any]], int], ...] = (
    ("is there", lambda column: {column: "NULL"}, 1),
    ("is mapped", lambda _: {"status": "'gibberish'"}, 1),
    ("is active", lambda column: {column: f"'{HOSTILE_CURRENCY}'"}, 1),
    ("names one of", lambda column: {column: "'nobody'"}, 1),
    ("is mostly there", lambda column: {"rows": 400, column: "NULL"}, 400),
    ("is at least 0", lambda column: {column: "-1"}, 1),
    ("is at least 1", lambda column: {column: "0"}, 1),
    ("is above 0", lambda column: {column: "0"}, 1),
    ("is not before issue_date", lambda column: {column: f"{_DAY} - 1"}, 1),
    ("is after start_date", lambda column: {column: "'2026-01-01'"}, 1),
)
"""How an expectation's name goes on -> what breaks it."""


def _twice(entity: str, **same: str) -> Callable[[Seeds], Seed]:
    return lambda seeds: ([seeds.bad(entity, **same)], 2)


def _behind(system: str) -> Callable[[Seeds], Seed]:
    entity = next(name for name, spec in ENTITIES.items() if spec.system == system)
    return lambda _: ([_proof(system, entity, "2026-06-30T15:00Z")], 1)


def _open(invoice: str, minor: int) -> Sql:
    return (
        "INSERT INTO recon.open_invoices (run_id, invoice_id, customer_id, currency, open_minor, due_date, "
        f"days_past_due, bucket) VALUES ('{BAD}', '{invoice}', 'cus-1', 'SGD', {minor}, '2026-06-30', 0, 'current')"
    )


_SPECIAL: dict[str, Callable[[Seeds], Seed]] = {
    **{
        f"{entity}.native_id is unique": _twice(entity, native_id=f"'{_PREFIXES.get(entity, 'x')}-1'")
        for entity in ENTITIES
    },
    "orders.number is unique": _twice("orders", number="'SO-2'"),
    "invoices.number is unique": _twice("invoices", number="'INV-2'"),
    "credit_notes.number is unique": _twice("credit_notes", number="'CN-2'"),
    "amendments.subscription_id+sequence is unique": _twice("amendments", sequence="2"),
    "opportunities.term_months is at least 1 and at most 120": lambda seeds: (
        [seeds.bad("opportunities", term_months="121"), seeds.bad("opportunities", term_months="0")], 2,
    ),
    "opportunities.discount_percent is at least 0 and at most 100": lambda seeds: (
        [seeds.bad("opportunities", discount_percent="101"), seeds.bad("opportunities", discount_percent="-1")], 2,
    ),
    "invoices: gross is net and tax": lambda seeds: ([seeds.bad("invoices", tax_minor="91")], 1),
    "invoices: open for no more than gross": lambda _: ([_open("inv-9", 1200), _open("inv-8", -1)], 2),
    "invoices.net_minor is at least 0": lambda seeds: (
        [seeds.bad("invoices", net_minor="-1", gross_minor="89")], 1,
    ),
    "invoices.tax_minor is at least 0": lambda seeds: (
        [seeds.bad("invoices", tax_minor="-1", gross_minor="999 + i %% 40")], 1,
    ),
    "invoices.gross_minor is at least 0": lambda seeds: (
        [seeds.bad("invoices", gross_minor="-1", net_minor="NULL")], 1,
    ),
    "invoices.net_minor is mostly there": lambda seeds: ([seeds.bad("invoices", rows=399, net_minor="NULL")], 400),
    "payout_items: net is gross less fee": lambda seeds: ([seeds.bad("payout_items", fee_minor="4")], 1),
    "payout_items: names what moved": lambda seeds: ([seeds.bad("payout_items", payment_id="'nobody'")], 1),
    **{f"extract_{name} is complete": _behind(name) for name in ("salesforce", "erp", "payments", "bank", "fx")},
    "rows are readable": lambda _: (
        [f"UPDATE recon.control_totals SET quarantined_count = 9 WHERE run_id = '{BAD}' AND side = 'refund'"], 1,
    ),
    # Among as many rows as others bring: what came makes up for nothing. Refunds go, too, for the volume below.
    "rows are still there": lambda _: (
        ["UPDATE canonical.disputes SET superseded_in = 2 WHERE native_id IN ('x-3', 'x-4')"], 2,
    ),
    "volume as before": lambda seeds: (
        [
            f"{seeds.bad('bank_lines', rows=1, native_id=MORE, amount_minor='1090 + more %% 40')} "
            "CROSS JOIN generate_series(1, 200) AS more".replace(_DAY, f"DATE '{AS_OF}'"),
            (f"UPDATE canonical.refunds SET superseded_in = 2 WHERE created_on > DATE '{AS_OF}' - 28 "
            "AND recorded_in = 1 AND native_id <> 'x-1'"),
        ],
        2,
    ),
    "amounts as before": lambda seeds: (seeds.broke(), 3),  # and the credit notes below
    "mix as before": lambda seeds: (seeds.corrected("invoices", "issue_date", currency="'JPY'"), 2),
    "blanks as before": lambda _: ([], 1),
    "the newest day's volume as before": lambda _: ([], 1),  # the bank lines above
    "the newest day's amounts as before": lambda seeds: (
        [
            seeds.bad("credit_notes", rows=5, issue_date=f"DATE '{AS_OF}'", gross_minor="10000000"),
            seeds.bad("subscriptions", start_date=f"DATE '{AS_OF}'", unit_price="0.01"),
        ],
        2,
    ),
    "payouts, count: platform and bank": lambda seeds: (
        [*seeds.strange_lines(), f"DELETE FROM recon.matches WHERE run_id = '{BAD}' AND side_a_id = 'po-3'"], 2,
    ),
    "payouts, sum: platform and bank": lambda _: ([], 3),
    # What the mirror of the second check holds; see OUT_OF_STEP.
    "invoices, count: ERP and Salesforce": lambda seeds: ([_TOLD, _ENDED, *seeds.won()], 7),
    "invoices, sum: ERP and Salesforce": lambda _: ([], 7),
}  # fmt: skip
"""Expectations that no pattern fits."""


def write(connection: psycopg.Connection[Any], policy: Policy, names: list[str]) -> dict[str, int]:
    """Both landings, in a database that no longer refuses anything; how much each expectation has to find."""
    seeds = Seeds(policy)
    connection.execute(_UNGUARDED)
    for _ in range(3):
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
    for entity in ENTITIES:
        connection.execute(seeds.good(entity), {"canary": CANARY})
    connection.execute(_NAMED_OTHERWISE)
    for entity, spec in ENTITIES.items():
        connection.execute(_proof(spec.system, entity, "2026-06-30T16:00Z"))
    through = connection.execute("SELECT max(proof_id) FROM ops.proofs").fetchone()
    for number, run_id in enumerate((BEFORE, GOOD, BAD)):
        for statement in _run(
            run_id, policy, batch=max(1, number), proof_through=through[0] if through else 0
        ):
            connection.execute(statement)
    found = {}
    for name in names:
        statements, found[name] = seeds(name)
        for statement in statements:
            connection.execute(statement, {"canary": CANARY} if "%" in statement else None)
    later = seeds.bad("invoices", batch=3, native_id="'inv-of-later'")
    connection.execute(later, {"canary": CANARY})
    # The last to be seen: a run sees every proof made until then.
    connection.execute("UPDATE recon.runs SET proof_through = 1000 WHERE run_id = %s", (BAD,))
    return found


def _run(run_id: UUID, policy: Policy, *, batch: int, proof_through: int) -> Iterator[Sql]:
    day = "2026-06-29" if run_id == BEFORE else AS_OF.isoformat()
    opening = "NULL" if run_id == BEFORE else f"'{BEFORE}'"
    yield (
        "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state, "
        f"opening_run_id, computed_at) VALUES ('{run_id}', '{day}', {batch}, {proof_through}, '{policy.sha256}', '', "
        f"'computed', {opening}, TIMESTAMPTZ '2026-07-01' + interval '{run_id.int} s')"
    )
    for spec in ENTITIES.values():
        yield (
            "INSERT INTO recon.control_totals (run_id, recon, side, currency, lost_count, loaded_count, "
            "quarantined_count, loaded_minor, matched_minor, open_minor, excluded_minor, proven) "
            f"VALUES ('{run_id}', '{spec.recon}', '{spec.side}', NULL, 0, 100, 0, 0, 0, 0, 0, true)"
        )
    yield (
        f"INSERT INTO recon.matches SELECT '{run_id}', 'm-' || i, 'R4', 'P1', 'payout', 'po-' || i, 'bank_line', "
        "'x-' || i + 20, 'SGD', 1090 + (i + 20) % 40, 0, '', 'posted' FROM generate_series(1, 20) AS i"
    )


def _proof(system: str, entity: str, until: str) -> Sql:
    return (
        "INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, source_amounts, "
        f"held_amounts, proven, complete_until) VALUES ('{system}', '{entity}', '{{}}', 0, 0, '{{}}', '{{}}', '{{}}', "
        f"true, '{until}')"
    )


_NAMED_OTHERWISE = """
UPDATE canonical.accounts SET native_id = '001D000000IqhSLIAZ' WHERE native_id = 'acc-40';
UPDATE canonical.customers SET crm_account_id = '001D000000IqhSL' WHERE native_id = 'cus-40';
UPDATE canonical.opportunities SET native_id = '006D000000IqhSMIAZ' WHERE native_id = 'opp-40';
UPDATE canonical.orders SET opportunity_id = '006D000000IqhSM' WHERE native_id = 'ord-140';
UPDATE canonical.accounts SET native_id = '001D000000IqhSN' WHERE native_id = 'acc-39';
UPDATE canonical.customers SET crm_account_id = '001D000000IqhSNIAZ' WHERE native_id = 'cus-39';
UPDATE canonical.opportunities SET native_id = '006D000000IqhSP' WHERE native_id = 'opp-39';
UPDATE canonical.orders SET opportunity_id = '006D000000IqhSPIAZ' WHERE native_id = 'ord-141';
"""
"""What the ERP keeps may name what Salesforce holds by 15 characters, or by 18 what it holds by 15."""

_UNGUARDED = """
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT conname, conrelid::regclass AS relation FROM pg_constraint
        WHERE connamespace = 'canonical'::regnamespace AND conrelid <> 'canonical.currencies'::regclass
        AND contype IN ('p', 'f', 'u', 'c')
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.relation, one.conname); END LOOP;
    FOR one IN SELECT indexrelid::regclass AS index FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
        WHERE relnamespace = 'canonical'::regnamespace AND indisunique
        AND indrelid <> 'canonical.currencies'::regclass
    LOOP EXECUTE format('DROP INDEX %s', one.index); END LOOP;
    FOR one IN SELECT attrelid::regclass AS relation, attname FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'canonical'::regnamespace AND relkind = 'r' AND attnum > 0 AND attnotnull
        AND attrelid <> 'canonical.currencies'::regclass
    LOOP EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', one.relation, one.attname); END LOOP;
END $$
"""
