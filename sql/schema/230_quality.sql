-- What was expected of the data a run saw, and what came of it; the pages on which people read it.

-- Figures measured once a run, which expectations then judge: how far sources lag, how a month differs from those before
-- it, what two systems say of the same money. `deviation` is what is judged; NULL where there is too little to judge.
CREATE TABLE recon.quality_measures (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    measure text NOT NULL,
    part text COLLATE "C" NOT NULL,  -- of what: an entity, a currency, a currency and a day
    observed numeric,
    expected numeric,
    deviation double precision,
    PRIMARY KEY (run_id, measure, part)
);

CREATE TABLE recon.quality_results (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    suite text NOT NULL,
    expectation text COLLATE "C" NOT NULL,
    place integer NOT NULL,          -- in the order people read them
    verdict text NOT NULL CHECK (verdict IN (
        'pass',
        'warn',  -- not as expected; policy lets the day be published
        'fail'   -- not as expected, and policy stops the day
    )),
    sentence text NOT NULL,
    observed text NOT NULL,          -- figures alone: never a value of a row
    owner text NOT NULL,
    checked_count bigint,            -- rows looked at, and of these the unexpected; NULL where it is not about rows
    unexpected_count bigint,
    PRIMARY KEY (run_id, suite, expectation)
);

-- One row a run that was checked: what it cost, and what was not asked because nothing of it is held.
CREATE TABLE recon.quality_checks (
    run_id uuid PRIMARY KEY REFERENCES recon.runs ON DELETE CASCADE,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    checking_s numeric NOT NULL,
    rendering_s numeric NOT NULL,
    not_held text[] NOT NULL
);

-- The pages Great Expectations wrote of a run, by their path below it. Older days' are thrown away, verdicts are kept.
CREATE TABLE recon.quality_pages (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    path text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (run_id, path)
);

-- What a run measured, for whoever has said by tieout.run which run it is.
CREATE VIEW seen.quality_measures AS
SELECT measure, part, observed, expected, deviation FROM recon.quality_measures
WHERE run_id = (SELECT current_setting('tieout.run')::uuid);
