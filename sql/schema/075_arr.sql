-- Recurring revenue as recalculated: the movements of every month, per customer and over all currencies.

CREATE TABLE recon.arr_bridge (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    customer_id text COLLATE "C" NOT NULL,
    month date NOT NULL,           -- its first day; the month of the run's day goes to that day
    currency char(3) NOT NULL,
    opening_minor bigint NOT NULL,
    new_minor bigint NOT NULL,
    expansion_minor bigint NOT NULL,
    contraction_minor bigint NOT NULL,
    churn_minor bigint NOT NULL,
    reactivation_minor bigint NOT NULL,
    closing_minor bigint NOT NULL,
    -- What the movements leave unexplained: nothing, or somebody must own it.
    residual_minor bigint NOT NULL GENERATED ALWAYS AS (
        closing_minor - opening_minor - new_minor - expansion_minor + contraction_minor + churn_minor
        - reactivation_minor
    ) STORED,
    PRIMARY KEY (run_id, customer_id, month, currency)
);

-- All currencies in one: movements at budget rates, opening and closing at the rates of their month ends (of the run's
-- day in its month), and between them what rates did.
CREATE TABLE recon.arr_reported (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    month date NOT NULL,
    currency char(3) NOT NULL,
    opening_minor bigint NOT NULL,
    new_minor bigint NOT NULL,
    expansion_minor bigint NOT NULL,
    contraction_minor bigint NOT NULL,
    churn_minor bigint NOT NULL,
    reactivation_minor bigint NOT NULL,
    fx_minor bigint NOT NULL,
    closing_minor bigint NOT NULL,
    gross_retention numeric,       -- percent of the opening, at budget rates; NULL where nothing was open
    net_retention numeric,
    left_out text[] NOT NULL,      -- currencies that no rate values
    residual_minor bigint NOT NULL GENERATED ALWAYS AS (
        closing_minor - opening_minor - new_minor - expansion_minor + contraction_minor + churn_minor
        - reactivation_minor - fx_minor
    ) STORED,
    PRIMARY KEY (run_id, month)
);
