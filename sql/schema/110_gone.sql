-- Rows a source no longer has, and what it shows us.

ALTER TABLE raw.records ADD COLUMN gone boolean NOT NULL DEFAULT false;

-- The fields a source showed us, each time they changed; the newest row is what reading expects. A field taken from us
-- stands in `vanished` until somebody accepts it or it comes back.
CREATE TABLE ops.shapes (
    shape_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL,
    entity text NOT NULL,
    fields jsonb NOT NULL,
    vanished text[] NOT NULL,
    added text[] NOT NULL,
    retyped text[] NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON ops.shapes (system, entity, shape_id);

-- One row per sweep of a whole object: what it found that reading changes had missed. `repaired` must be 0.
CREATE TABLE ops.sweeps (
    sweep_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL,
    entity text NOT NULL,
    listed_count bigint NOT NULL,
    gone_count bigint NOT NULL,
    repaired_count bigint NOT NULL,
    refreshed_count bigint NOT NULL,
    swept_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
