-- What the platform knows about its own work: positions, pages pulled, proofs of completeness, landing batches.

CREATE SCHEMA ops;

CREATE TABLE ops.cursors (
    system text NOT NULL,
    entity text NOT NULL,
    position jsonb NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (system, entity)
);

-- One row per landing transaction. Landing is serialised, so batch numbers commit in order and "as known at batch B"
-- never changes afterwards.
CREATE TABLE ops.batches (
    batch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row per page read from a source; landing claims the pages that no batch has landed yet.
CREATE TABLE ops.pulls (
    pull_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL,
    entity text NOT NULL,
    cursor_from jsonb,
    cursor_to jsonb NOT NULL,
    records integer NOT NULL,
    pulled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    landed_in bigint REFERENCES ops.batches
);
CREATE INDEX ON ops.pulls (entity, pull_id) WHERE landed_in IS NULL;

-- What a source said it held in a window, against what we hold of it. `proven` false is break DQ02.
CREATE TABLE ops.proofs (
    proof_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL,
    entity text NOT NULL,
    cursor_after jsonb,
    cursor_until jsonb NOT NULL,
    source_count bigint NOT NULL,
    held_count bigint NOT NULL,
    missing text[] NOT NULL,
    source_amounts jsonb NOT NULL,
    held_amounts jsonb NOT NULL,
    proven boolean NOT NULL,
    complete_until timestamptz NOT NULL,  -- nothing before this moment is still to come; infinity for a file
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON ops.proofs (system, entity, proof_id);
