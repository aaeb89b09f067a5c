-- Whoever asked for an erasure takes it back, somebody else refuses it, or nobody approves it for 31 days and it has lapsed:
-- its list is as old as it is. Then it can be asked for again, with another list.
ALTER TABLE vault.erasures
    ADD COLUMN ended_by text,
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN ended_why text,
    ADD CONSTRAINT ends_whole CHECK (num_nulls(ended_by, ended_at, ended_why) IN (0, 3)),
    ADD CONSTRAINT ended_by_a_person CHECK (recon.is_person(recon.identity(ended_by))),
    ADD CONSTRAINT end_has_a_reason CHECK (btrim(ended_why) <> '' AND length(ended_why) <= 2000),
    ADD CONSTRAINT approved_or_ended CHECK (approved_by IS NULL OR ended_by IS NULL);

DROP INDEX vault.erasures_entity_native_id_idx;
CREATE UNIQUE INDEX erasures_entity_native_id_idx ON vault.erasures (entity, native_id)
WHERE approved_by IS NULL AND ended_by IS NULL;

CREATE OR REPLACE FUNCTION vault.keep_erasures() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF old.approved_by IS NOT NULL OR old.ended_by IS NOT NULL OR (old.entity, old.native_id, old.reason, old.asked_by, old.asked_at)
        IS DISTINCT FROM (new.entity, new.native_id, new.reason, new.asked_by, new.asked_at) THEN
        RAISE EXCEPTION 'erasure % is decided', old.erasure_id;
    END IF;
    IF new.approved_by IS NOT NULL AND old.asked_at + interval '744 hours' <= ops.clock() THEN
        RAISE EXCEPTION 'erasure % has lapsed', old.erasure_id;
    END IF;
    RETURN new;
END $$;

CREATE OR REPLACE FUNCTION audit.vault_erasures_update() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO audit.events (actor, act, entity, why, before_sha256, after_sha256, run_id, op_key)
    SELECT coalesce(added.approved_by, added.ended_by),
        'erasure ' || CASE
            WHEN added.approved_by IS NOT NULL THEN 'approved'
            WHEN recon.identity(added.ended_by) = recon.identity(added.asked_by) THEN 'withdrawn'
            ELSE 'refused' END,
        added.entity || '/' || added.native_id, coalesce(added.ended_why, added.destroyed || ' values destroyed'),
        ops.sha256_of(to_jsonb(gone)::text), ops.sha256_of(to_jsonb(added)::text), '', 'erasure ' || added.erasure_id
    FROM added JOIN gone USING (erasure_id) ORDER BY added.erasure_id;
    RETURN NULL;
END $$;
