-- What the Closed-Won gate looks at: more of a deal, its lines, and the price books.

ALTER TABLE canonical.opportunities
    ADD COLUMN price_book_id text COLLATE "C",
    ADD COLUMN contract_signed_on date,
    ADD COLUMN start_date date,
    ADD COLUMN last_day date,                -- of the term sold, included
    ADD COLUMN billing_interval text,
    ADD COLUMN payment_terms_days integer,
    ADD COLUMN payment_terms_approved boolean,
    ADD COLUMN po_required boolean,
    ADD COLUMN po_number text,
    ADD COLUMN approved_at timestamptz,
    ADD COLUMN prices_edited_at timestamptz,
    ADD COLUMN revenue_flags text,
    ADD COLUMN renewal_key text;             -- ours: the subscription and the day that the deal renews

CREATE TABLE canonical.deal_lines (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    opportunity_id text COLLATE "C" NOT NULL,
    product text,
    quantity numeric,
    list_price numeric,
    amount_minor bigint,
    currency char(3),
    edited_at timestamptz,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.deal_lines (native_id) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.deal_lines (opportunity_id);

CREATE TABLE canonical.price_books (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    name text,
    is_active boolean,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.price_books (native_id) WHERE superseded_in IS NULL;

CREATE VIEW seen.deal_lines AS
SELECT known.* FROM canonical.deal_lines AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.price_books AS
SELECT known.* FROM canonical.price_books AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

-- Every version of every entity, for checks that hold for all of them.
CREATE OR REPLACE VIEW canonical.row_ids AS
SELECT 'accounts' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.accounts
UNION ALL
SELECT 'contacts' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.contacts
UNION ALL
SELECT 'opportunities' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.opportunities
UNION ALL
SELECT 'customers' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.customers
UNION ALL
SELECT 'orders' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.orders
UNION ALL
SELECT 'invoices' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.invoices
UNION ALL
SELECT 'credit_notes' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.credit_notes
UNION ALL
SELECT 'subscriptions' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.subscriptions
UNION ALL
SELECT 'amendments' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.amendments
UNION ALL
SELECT 'payments' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.payments
UNION ALL
SELECT 'attempts' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.attempts
UNION ALL
SELECT 'refunds' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.refunds
UNION ALL
SELECT 'disputes' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.disputes
UNION ALL
SELECT 'payouts' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.payouts
UNION ALL
SELECT 'payout_items' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.payout_items
UNION ALL
SELECT 'bank_lines' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.bank_lines
UNION ALL
SELECT 'fx_rates' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.fx_rates
UNION ALL
SELECT 'deal_lines' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.deal_lines
UNION ALL
SELECT 'price_books' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.price_books;

COMMENT ON COLUMN delivery.gate_checks.based_on IS
    'The state of the deal, and of what was found with it: its lines, its customer, the price book, the rules.';

-- Deals that are billed by the period, as the run sees them.
CREATE VIEW seen.deals_by_period AS
SELECT native_id, billing_interval FROM canonical.opportunities AS known
WHERE billing_interval IS NOT NULL
    AND known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));
