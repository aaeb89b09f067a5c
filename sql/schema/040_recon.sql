-- Runs and what they found. A run is named by its content: the same inputs, rules and code give the same run.

CREATE SCHEMA recon;

CREATE TABLE recon.runs (
    run_id uuid PRIMARY KEY,
    as_of date NOT NULL,
    batch_through bigint NOT NULL,     -- the run sees landing batches up to this one
    proof_through bigint NOT NULL,     -- and completeness proofs up to this one; a repeat of a published day too
    rules_sha256 text NOT NULL,
    code_sha256 text NOT NULL,
    state text NOT NULL CHECK (state IN (
        'computed',   -- results stored, nothing shown yet
        'published',  -- proven; may be reported
        'refused'     -- a proof failed; kept for whoever mends it
    )),
    certificate jsonb,
    computed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz
);

CREATE TABLE recon.matches (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    match_id text COLLATE "C" NOT NULL,
    recon text NOT NULL,
    rule text NOT NULL,
    side_a_type text NOT NULL,
    side_a_id text COLLATE "C" NOT NULL,
    side_b_type text NOT NULL,
    side_b_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    residual_minor bigint NOT NULL,
    residual_reason text NOT NULL,
    state text NOT NULL CHECK (state IN ('posted', 'suggested')),
    PRIMARY KEY (run_id, match_id, side_a_id, side_b_id)
);

CREATE TABLE recon.breaks (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    break_id uuid NOT NULL,
    recon text NOT NULL,
    code text NOT NULL,
    key text COLLATE "C" NOT NULL,
    currency char(3),
    amount_minor bigint,
    severity text NOT NULL CHECK (severity IN ('S1', 'S2', 'S3', 'S4')),
    age_days integer NOT NULL,
    owner text NOT NULL,
    action text NOT NULL,
    evidence text NOT NULL,
    PRIMARY KEY (run_id, break_id)
);

CREATE TABLE recon.control_totals (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    recon text NOT NULL,
    side text NOT NULL,
    currency char(3),              -- NULL: the entity has no money, or the quarantined row's currency is unreadable
    lost_count bigint NOT NULL,  -- rows kept as received that are neither loaded nor quarantined
    loaded_count bigint NOT NULL,
    quarantined_count bigint NOT NULL,
    loaded_minor numeric(38, 0) NOT NULL,
    matched_minor numeric(38, 0) NOT NULL,
    open_minor numeric(38, 0) NOT NULL,
    excluded_minor numeric(38, 0) NOT NULL,
    proven boolean NOT NULL,
    UNIQUE NULLS NOT DISTINCT (run_id, recon, side, currency)
);

CREATE TABLE recon.open_invoices (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    invoice_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    open_minor bigint NOT NULL,
    due_date date NOT NULL,
    days_past_due integer NOT NULL,
    bucket text NOT NULL,
    PRIMARY KEY (run_id, invoice_id)
);

-- The report each published run gave, as sent; a run is reported once.
CREATE TABLE recon.reports (
    run_id uuid PRIMARY KEY REFERENCES recon.runs,
    as_of date NOT NULL,
    subject text NOT NULL,
    html text NOT NULL,
    plain text NOT NULL,
    recipients text[] NOT NULL,
    sent_at timestamptz
);
