-- An erasure is of a person, who is said by many records. It destroys what those records say and no other does, and takes
-- what they share with others out of them; what the source says of them later is not kept.

CREATE FUNCTION vault.renamed(said text, known text[], fresh text[]) RETURNS text IMMUTABLE LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR place IN 1 .. coalesce(cardinality(known), 0) LOOP
        said := replace(said, known[place], fresh[place]);
    END LOOP;
    RETURN said;
END $$;

-- What compares a payer's name, under a key that nobody keeps; where it only says that the payer is called as a customer
-- is, which is in clear, it stays.
CREATE FUNCTION vault.scrambled_payers(key text, of_payments text[], of_lines text[]) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE canonical.payments AS paid SET
        payer_key = vault.scrambled(key, payer_key, 16),
        payer_head = CASE WHEN payer_head IN (SELECT name_head FROM canonical.customers) THEN payer_head
            ELSE vault.scrambled(key, payer_head, 22) END,
        payer_likeness = coalesce(
            (SELECT max(name_likeness) FROM canonical.customers
             WHERE native_id = paid.customer_id AND starts_with(paid.payer_likeness, name_likeness)),
            CASE WHEN EXISTS (
                SELECT FROM canonical.customers
                WHERE native_id = paid.customer_id AND starts_with(name_likeness, paid.payer_likeness)
            ) THEN payer_likeness END,
            vault.scrambled(key, payer_likeness, 0)
        )
    WHERE native_id = ANY (of_payments) AND payer_head IS NOT NULL;
    UPDATE canonical.bank_lines SET payer_key = vault.scrambled(key, payer_key, 16),
        payer_head = CASE WHEN payer_head IN (SELECT name_head FROM canonical.customers) THEN payer_head
            ELSE vault.scrambled(key, payer_head, 22) END
    WHERE native_id = ANY (of_lines) AND payer_head IS NOT NULL;
    UPDATE raw.records SET payload = jsonb_set(payload, '{~sealed}', (payload -> '~sealed') || jsonb_strip_nulls(jsonb_build_object(
        'payer_key', vault.scrambled(key, payload -> '~sealed' ->> 'payer_key', 16),
        'payer_head', vault.scrambled(key, payload -> '~sealed' ->> 'payer_head', 22),
        'payer_likeness', vault.scrambled(key, payload -> '~sealed' ->> 'payer_likeness', 0)
    )))
    WHERE (entity = 'payments' AND native_id = ANY (of_payments) OR entity = 'bank_lines' AND native_id = ANY (of_lines))
        AND payload -> '~sealed' ->> 'payer_head' IS NOT NULL;
END $$;

-- Destroy what the listed records of an erasure say of somebody; how many values that was. What is alike everywhere has
-- another stand-in in them from then on: where nobody else says it, its value is destroyed; where somebody does, that stays
-- theirs, and the listed records say no more that they had the same. Runs as the owner; tieout_send may call it.
CREATE FUNCTION vault.forget_records(erasure bigint) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key CONSTANT text := gen_random_uuid() || '|' || gen_random_uuid();
    subjects text[];
    known text[];
    kept text[];
    fresh text[];
    done bigint;
BEGIN
    PERFORM FROM vault.erasures WHERE erasure_id = erasure AND approved_by IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'erasure % is not asked for, or is decided', erasure;
    END IF;
    -- Nobody lands a row or keeps a page meanwhile that may say any of it.
    PERFORM pg_advisory_xact_lock(hashtext('tieout landing'));
    PERFORM FROM ops.cursors
    WHERE entity IN ('contacts', 'customers', 'payments', 'attempts', 'bank_lines')
        OR entity IN (SELECT entity FROM vault.erasure_records WHERE erasure_id = erasure)
    ORDER BY system, entity FOR UPDATE;
    SELECT array_agg(entity || '/' || native_id) INTO subjects
    FROM vault.erasure_records WHERE erasure_id = erasure AND NOT spared;

    -- The account a statement is of is the business's own and stays: every other line names it too.
    SELECT array_agg(DISTINCT token) INTO known
    FROM raw.records, regexp_matches(payload::text, 'pii1:[A-Za-z0-9_-]{22}', 'g') AS named
    JOIN vault.sealed ON token = named[1]
    WHERE entity || '/' || native_id = ANY (subjects) AND subject = token AND field <> 'account';
    SELECT array_agg(DISTINCT token) INTO kept FROM (
        SELECT token FROM vault.sealed WHERE token = ANY (known) AND destroyed_in IS NOT NULL
        UNION ALL
        SELECT token FROM (
            SELECT payload::text AS said FROM raw.records
            WHERE entity IN ('contacts', 'customers', 'payments', 'attempts', 'bank_lines')
                AND entity || '/' || native_id <> ALL (subjects)
            OFFSET 0
        ) AS others JOIN unnest(known) AS token ON strpos(said, token) > 0
    ) AS of_others;
    SELECT array_agg('pii1:' || left(translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/=', '-_'), 22) ORDER BY place)
    INTO fresh FROM unnest(known) WITH ORDINALITY AS one (token, place);

    UPDATE vault.sealed SET wrapped_key = NULL, destroyed_in = erasure
    WHERE destroyed_in IS NULL
        AND (subject = ANY (subjects) OR token = ANY (known) AND token <> ALL (coalesce(kept, '{}')));
    PERFORM set_config('tieout.erasing', 'on', true);
    PERFORM vault.scrambled_payers(
        key, of_payments => ARRAY(SELECT substr(one, 10) FROM unnest(subjects) AS one WHERE one LIKE 'payments/%'),
        of_lines => ARRAY(SELECT substr(one, 12) FROM unnest(subjects) AS one WHERE one LIKE 'bank\_lines/%')
    );
    UPDATE raw.records SET payload = vault.renamed(payload::text, known, fresh)::jsonb
    WHERE entity || '/' || native_id = ANY (subjects) AND payload::text LIKE '%pii1:%';
    UPDATE canonical.contacts SET email = vault.renamed(email, known, fresh)
    WHERE 'contacts/' || native_id = ANY (subjects) AND email IS NOT NULL;
    UPDATE canonical.customers SET email = vault.renamed(email, known, fresh)
    WHERE 'customers/' || native_id = ANY (subjects) AND email IS NOT NULL;
    UPDATE canonical.payments SET payer_text = vault.renamed(payer_text, known, fresh)
    WHERE 'payments/' || native_id = ANY (subjects) AND payer_text IS NOT NULL;
    UPDATE canonical.attempts SET card = vault.renamed(card, known, fresh)
    WHERE 'attempts/' || native_id = ANY (subjects) AND card IS NOT NULL;
    UPDATE canonical.bank_lines SET payer_text = vault.renamed(payer_text, known, fresh)
    WHERE 'bank_lines/' || native_id = ANY (subjects) AND payer_text IS NOT NULL;
    UPDATE vault.sealed SET token = later, subject = later
    FROM unnest(known, fresh) AS anew (former, later) WHERE token = former AND destroyed_in = erasure;
    INSERT INTO vault.sealed (token, field, subject, kid, envelope, destroyed_in)
    SELECT later, field, later, kid, '', erasure
    FROM unnest(known, fresh) AS anew (former, later) JOIN vault.sealed ON token = former;
    PERFORM set_config('tieout.erasing', 'off', true);
    SELECT count(*) INTO done FROM vault.sealed WHERE destroyed_in = erasure AND field <> '~key';
    RETURN done;
END $$;

-- As before, and who receives values may ask for the keys by which they are compared, who destroys them for all of this.
ALTER FUNCTION ops.grant_roles() RENAME TO grant_and_close;
CREATE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text := ops.grant_and_close();
BEGIN
    IF said = '' AND NOT has_function_privilege('tieout_ingest', 'vault.record_keys(text[])', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION vault.record_keys TO tieout_ingest;
    END IF;
    IF said = '' AND NOT has_function_privilege('tieout_send', 'vault.forget_records(bigint)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION vault.forget_records TO tieout_send;
    END IF;
    RETURN said;
END $$;
