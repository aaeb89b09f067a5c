-- Payloads as received. Append-only: a trigger refuses what a careless grant would allow.

CREATE SCHEMA raw;

CREATE TABLE raw.records (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pull_id bigint NOT NULL REFERENCES ops.pulls,
    system text NOT NULL,
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    version text NOT NULL,
    payload jsonb NOT NULL,
    place text NOT NULL,
    damage text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Not unique: where a version is the content's hash, a row can go back to what it was.
CREATE INDEX ON raw.records (system, entity, native_id, version, seq);
CREATE INDEX ON raw.records (pull_id, seq);

CREATE FUNCTION raw.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'raw.% keeps payloads as received: % is refused', tg_table_name, tg_op;
END $$;

CREATE TRIGGER records_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON raw.records
FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change();
