-- What is sealed is destroyed by an erasure that two people agree to in the same transaction, and only what its subject
-- said; whatever is done to the keys of values is in the audit log.

-- Two people: as everywhere, under no spelling the same one, and none of the program's own names.
ALTER TABLE vault.erasures
    ADD CONSTRAINT asked_by_a_person CHECK (recon.is_person(recon.identity(asked_by))) NOT VALID,
    ADD CONSTRAINT approved_by_a_person CHECK (recon.is_person(recon.identity(approved_by))) NOT VALID,
    ADD CONSTRAINT approved_by_another CHECK (recon.identity(approved_by) <> recon.identity(asked_by)) NOT VALID;

CREATE INDEX ON vault.sealed (destroyed_in) WHERE destroyed_in IS NOT NULL;

-- A key is wrapped anew by another key, or destroyed by an erasure that is asked for and about it; nothing else changes, and
-- nothing comes back.
CREATE OR REPLACE FUNCTION vault.keep_values() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (old.token, old.field, old.subject, old.envelope, old.sealed_at)
        IS DISTINCT FROM (new.token, new.field, new.subject, new.envelope, new.sealed_at)
        OR old.destroyed_in IS NOT NULL
        OR (new.destroyed_in IS NULL AND (new.kid = old.kid OR octet_length(new.wrapped_key) <> octet_length(old.wrapped_key)))
    THEN
        RAISE EXCEPTION 'the sealed value % does not change', old.token;
    END IF;
    RETURN new;
END $$;

CREATE FUNCTION vault.refuse_others() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other text;
BEGIN
    IF NOT EXISTS (SELECT FROM added WHERE destroyed_in IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    WITH said AS (  -- as tokens_of
        SELECT erasure_id, named[1] AS token
        FROM vault.erasures JOIN raw.records USING (entity, native_id),
            regexp_matches(payload::text, 'pii1:[A-Za-z0-9_-]{22}', 'g') AS named
        WHERE approved_by IS NULL AND erasure_id IN (SELECT destroyed_in FROM added)
    )
    SELECT token INTO other FROM added
    WHERE destroyed_in IS NOT NULL AND (destroyed_in, token) NOT IN (SELECT erasure_id, said.token FROM said) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'no erasure that is asked for is about the sealed value %', other;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_its_subjects_are_destroyed AFTER UPDATE ON vault.sealed REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_others();

CREATE FUNCTION vault.refuse_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM vault.erasures WHERE erasure_id = new.destroyed_in AND approved_by IS NULL) THEN
        RAISE EXCEPTION 'nobody approved erasure %, by which % is destroyed', new.destroyed_in, new.token;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER nothing_is_destroyed_by_one AFTER UPDATE ON vault.sealed DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (old.destroyed_in IS NULL AND new.destroyed_in IS NOT NULL) EXECUTE FUNCTION vault.refuse_alone();

-- What an erasure says it destroyed, it did.
CREATE FUNCTION vault.count_destroyed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.destroyed <> (SELECT count(*) FROM vault.sealed WHERE destroyed_in = new.erasure_id) THEN
        RAISE EXCEPTION 'erasure % destroyed another number of values', new.erasure_id;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER erasures_say_what_they_destroyed BEFORE UPDATE ON vault.erasures
FOR EACH ROW WHEN (new.approved_by IS NOT NULL) EXECUTE FUNCTION vault.count_destroyed();

CALL audit.watch('vault.sealed', 'UPDATE', $told$
    SELECT audit.program(), CASE WHEN added.destroyed_in IS NULL THEN 'keys wrapped anew' ELSE 'keys destroyed' END,
        coalesce('erasures/' || added.destroyed_in, 'keys/' || added.kid), count(*) || ' values',
        ops.sha256_of(string_agg(concat_ws('|', token, gone.kid, gone.wrapped_key), ' ' ORDER BY token)),
        ops.sha256_of(string_agg(concat_ws('|', token, added.kid, added.wrapped_key), ' ' ORDER BY token)), '', ''
    FROM added JOIN gone USING (token) GROUP BY added.destroyed_in, added.kid ORDER BY added.destroyed_in, added.kid
    $told$);
