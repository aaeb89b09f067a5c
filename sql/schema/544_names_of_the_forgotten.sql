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

-- Rows of raw.records change in this alone.
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
    OR old.payload - '~sealed' <> new.payload - '~sealed'
)
EXECUTE FUNCTION raw.refuse_other_words();

-- Of the payers whose names an erasure destroyed, in the transaction that does it: how many rows compare anew. Names that
-- begin as theirs do are compared with them, so theirs are too. Runs as the owner; tieout_send may call it.
CREATE FUNCTION vault.forget_names(erasure bigint) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key CONSTANT text := gen_random_uuid() || '|' || gen_random_uuid();
    names text[];
    starts text[];
    ids text[];
    changed bigint;
BEGIN
    PERFORM FROM vault.erasures WHERE erasure_id = erasure AND approved_by IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'erasure % is not asked for, or is decided', erasure;
    END IF;
    SELECT array_agg(token) INTO names FROM vault.sealed WHERE destroyed_in = erasure;
    SELECT array_agg(DISTINCT left(payer_key, 16)) INTO starts FROM (
        SELECT payer_text, payer_key FROM canonical.payments UNION ALL SELECT payer_text, payer_key FROM canonical.bank_lines
    ) AS said WHERE payer_text = ANY (names);
    SELECT array_agg(DISTINCT native_id) INTO ids FROM (
        SELECT native_id, payer_text, payer_key FROM canonical.payments
        UNION ALL SELECT native_id, payer_text, payer_key FROM canonical.bank_lines
    ) AS said WHERE payer_text = ANY (names) OR left(payer_key, 16) = ANY (starts);
    UPDATE canonical.payments AS paid SET
        payer_key = vault.scrambled(key, payer_key, 16),
        payer_head = CASE WHEN payer_head IN (SELECT name_head FROM canonical.customers) THEN payer_head
            ELSE vault.scrambled(key, payer_head, 22) END,
        payer_likeness = coalesce(  -- what it shares with its customer's name, which is in clear, stays
            (SELECT max(name_likeness) FROM canonical.customers
             WHERE native_id = paid.customer_id AND starts_with(paid.payer_likeness, name_likeness)),
            CASE WHEN EXISTS (
                SELECT FROM canonical.customers
                WHERE native_id = paid.customer_id AND starts_with(name_likeness, paid.payer_likeness)
            ) THEN payer_likeness END,
            vault.scrambled(key, payer_likeness, 0)
        )
    WHERE native_id = ANY (ids) AND payer_head IS NOT NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE canonical.bank_lines SET payer_key = vault.scrambled(key, payer_key, 16),
        payer_head = CASE WHEN payer_head IN (SELECT name_head FROM canonical.customers) THEN payer_head
            ELSE vault.scrambled(key, payer_head, 22) END
    WHERE native_id = ANY (ids) AND payer_head IS NOT NULL;
    PERFORM set_config('tieout.erasing', 'on', true);
    UPDATE raw.records SET payload = jsonb_set(payload, '{~sealed}', (payload -> '~sealed') || jsonb_strip_nulls(jsonb_build_object(
        'payer_key', vault.scrambled(key, payload -> '~sealed' ->> 'payer_key', 16),
        'payer_head', vault.scrambled(key, payload -> '~sealed' ->> 'payer_head', 22),
        'payer_likeness', vault.scrambled(key, payload -> '~sealed' ->> 'payer_likeness', 0)
    )))
    WHERE entity IN ('payments', 'bank_lines') AND native_id = ANY (ids) AND payload -> '~sealed' ->> 'payer_head' IS NOT NULL;
    PERFORM set_config('tieout.erasing', 'off', true);
    RETURN changed;
END $$;

ALTER FUNCTION ops.grant_roles() RENAME TO grant_and_close;

-- As before, and who destroys what is sealed may call what goes with it.
CREATE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text := ops.grant_and_close();
BEGIN
    IF said = '' AND NOT has_function_privilege('tieout_send', 'vault.forget_names(bigint)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION vault.forget_names TO tieout_send;
    END IF;
    RETURN said;
END $$;
