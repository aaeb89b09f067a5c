-- Typed rows of the canonical model, every version ever recorded.
--
-- A version is known from the landing batch that recorded it until the batch that superseded it, so "as known at batch
-- B" is `recorded_in <= B AND (superseded_in IS NULL OR superseded_in > B)`. Money is in minor units of the row's currency.

CREATE SCHEMA canonical;

CREATE TABLE canonical.accounts (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    website text,
    country text,
    currency char(3),
    owner_id text COLLATE "C",
    parent_id text COLLATE "C",
    tax_id text,
    erp_customer_id text COLLATE "C",
    modified_at timestamptz,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.accounts (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.contacts (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    first_name text,
    last_name text,
    email text,
    phone text,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.contacts (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.opportunities (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C",
    name text,
    stage text NOT NULL,
    is_closed boolean,
    is_won boolean,
    amount_minor bigint,
    currency char(3),
    close_date date,
    type text,
    discount_percent numeric,
    approval_level text,
    term_months integer,
    erp_order_id text COLLATE "C",
    product text,
    list_price numeric,
    owner_id text COLLATE "C",
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.opportunities (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.customers (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    country text,
    currency char(3),
    tax_id text,
    email text,
    crm_account_id text COLLATE "C",
    parent_id text COLLATE "C",
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.customers (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.orders (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    number text NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    order_date date NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    status text,
    opportunity_id text COLLATE "C",
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.orders (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.invoices (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    number text NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C",
    issue_date date NOT NULL,
    due_date date NOT NULL,
    currency char(3) NOT NULL,
    net_minor bigint,
    tax_minor bigint,
    gross_minor bigint NOT NULL,
    status text,
    disputed boolean,
    number_key text NOT NULL,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.invoices (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.credit_notes (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    number text NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C",
    issue_date date NOT NULL,
    currency char(3) NOT NULL,
    gross_minor bigint NOT NULL,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.credit_notes (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.subscriptions (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    start_date date NOT NULL,
    end_date date,
    currency char(3) NOT NULL,
    quantity numeric NOT NULL,
    unit_price numeric NOT NULL,
    interval text NOT NULL,
    status text,
    renewal_date date,
    arr_minor bigint,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.subscriptions (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.amendments (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL,
    effective_date date NOT NULL,
    quantity numeric,
    unit_price numeric,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.amendments (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.payments (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C",
    payer_text text,
    reference text,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor bigint,
    paid_on date NOT NULL,
    status text,
    invoice_id text COLLATE "C",
    reference_tokens text[] NOT NULL,
    reference_keys text[] NOT NULL,
    names_a_document boolean NOT NULL,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.payments (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.attempts (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C",
    attempt_no integer NOT NULL,
    outcome text NOT NULL,
    decline_code text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.attempts (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.refunds (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    created_on date NOT NULL,
    status text,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.refunds (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.disputes (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    opened_on date NOT NULL,
    status text,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.disputes (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.payouts (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    gross_minor bigint,
    fee_minor bigint,
    net_minor bigint NOT NULL,
    arrival_date date NOT NULL,
    status text,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.payouts (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.payout_items (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    payout_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C",
    type text NOT NULL,
    currency char(3) NOT NULL,
    gross_minor bigint NOT NULL,
    fee_minor bigint,
    net_minor bigint NOT NULL,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.payout_items (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.bank_lines (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    id text COLLATE "C" NOT NULL,
    account text NOT NULL,
    value_date date NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    reference text,
    payer_text text,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.bank_lines (native_id) WHERE superseded_in IS NULL;

CREATE TABLE canonical.fx_rates (
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    row_hash text NOT NULL,
    recorded_in bigint NOT NULL REFERENCES ops.batches,
    superseded_in bigint REFERENCES ops.batches,
    rate_date date NOT NULL,
    from_currency char(3) NOT NULL,
    to_currency char(3) NOT NULL,
    rate numeric NOT NULL,
    source text,
    PRIMARY KEY (native_id, recorded_in)
);
CREATE UNIQUE INDEX ON canonical.fx_rates (native_id) WHERE superseded_in IS NULL;

-- Rows we could not read, with every reason: the field, the rule and the value (masked where personal).
CREATE TABLE canonical.quarantine (
    system text NOT NULL,
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    place text NOT NULL,
    customer_id text COLLATE "C",  -- as far as they can be read: whose row it is, and its money
    currency char(3),
    amount_minor bigint,
    failures jsonb NOT NULL,
    quarantined_in bigint NOT NULL REFERENCES ops.batches,
    released_in bigint REFERENCES ops.batches,
    PRIMARY KEY (system, entity, native_id, version, quarantined_in)
);
CREATE INDEX ON canonical.quarantine (entity, native_id) WHERE released_in IS NULL;

-- Every version of every entity, for checks that hold for all of them.
CREATE VIEW canonical.row_ids AS
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
SELECT 'fx_rates' AS entity, native_id, version, recorded_in, superseded_in FROM canonical.fx_rates;
