-- The proofs of a run: what must be equal, what was found, and every item whose opening is not what it closed with.

CREATE TABLE recon.proofs (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    proof text NOT NULL CHECK (proof IN (
        'loaded',      -- what the sources hold is loaded or in quarantine
        'decided',     -- what was loaded is matched, open or excluded
        'settled',     -- of every match group: cash and explained residual are what it settles, and no cash is spent twice
        'carried',     -- what the day before closed with, and what came and was cleared since, is what this day closes with
        'sub_ledger',  -- what is open is gross less what was settled and credited, and what the customers owe
        'one_state'    -- every item is settled, in part open, open, or excluded: one of them
    )),
    recon text NOT NULL,
    side text NOT NULL,
    currency char(3),
    measure text NOT NULL CHECK (measure IN ('rows', 'minor')),
    expected numeric(38, 0) NOT NULL,
    found numeric(38, 0) NOT NULL,
    difference numeric(38, 0) GENERATED ALWAYS AS (found - expected) STORED,
    wrong_items bigint NOT NULL,      -- items that differ, also where their differences cancel out
    example text COLLATE "C",         -- the first of them
    holds boolean GENERATED ALWAYS AS (expected = found AND wrong_items = 0) STORED,
    UNIQUE NULLS NOT DISTINCT (run_id, proof, recon, side, currency)
);

-- Items that were open for another amount at the end of the previous published day than is known today: the old amount
-- is reversed and the new one entered, nothing is edited.
CREATE TABLE recon.restatements (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    previous_run_id uuid NOT NULL REFERENCES recon.runs,
    side text NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    was_minor bigint NOT NULL,
    now_minor bigint NOT NULL,
    why text NOT NULL CHECK (why IN (
        'late',        -- it, its cash or its credit is older than that day and came after it
        'corrected',   -- its source, or the amount applied to it, changed since
        'withdrawn',   -- it is no longer owed, or no longer money
        'unmatched',   -- what had settled it no longer does
        'unexplained'  -- no fact explains it: the proof fails
    )),
    PRIMARY KEY (run_id, side, item_id, currency)
);
