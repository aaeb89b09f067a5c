-- What compares a payer's name says it letter by letter to whoever has the index's key. With the name it is destroyed: what
-- is put in its place compares with the rows that are there as before, under a key that nobody kept.

-- Stands for what compares, and is the start of another's where it was: `sure` characters, then five for each letter.
CREATE FUNCTION vault.scrambled(key text, said text, sure integer) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN said IS NULL THEN NULL ELSE
        left(encode(sha256(convert_to(key || left(said, sure), 'UTF8')), 'hex'), least(sure, length(said))) || coalesce((
            SELECT string_agg(left(encode(sha256(convert_to(key || left(said, sure + 5 * step), 'UTF8')), 'hex'), 5), '' ORDER BY step)
            FROM generate_series(1, (length(said) - sure) / 5) AS step
        ), '') END
$$;

-- Rows of raw.records change in what stands for somebody, and in nothing else.
CREATE FUNCTION raw.but_for_people(payload jsonb) RETURNS text IMMUTABLE LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT regexp_replace((payload - '~sealed')::text, 'pii1:[A-Za-z0-9_-]{22}', 'pii1:', 'g')
$$;
CREATE OR REPLACE FUNCTION raw.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'UPDATE' AND current_setting('tieout.erasing', true) = 'on'
        AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = tg_relid) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'raw.% keeps payloads as received: % is refused', tg_table_name, tg_op;
END $$;
CREATE FUNCTION raw.refuse_other_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'raw.records keeps what was received';
END $$;
CREATE TRIGGER payloads_stay BEFORE UPDATE ON raw.records
FOR EACH ROW WHEN (
    (old.seq, old.pull_id, old.system, old.entity, old.native_id, old.version, old.place, old.damage, old.received_at, old.gone)
    IS DISTINCT FROM
    (new.seq, new.pull_id, new.system, new.entity, new.native_id, new.version, new.place, new.damage, new.received_at, new.gone)
    OR raw.but_for_people(old.payload) <> raw.but_for_people(new.payload)
)
EXECUTE FUNCTION raw.refuse_other_words();
