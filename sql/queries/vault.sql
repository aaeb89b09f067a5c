-- Personal data: kept sealed, found, wrapped anew, destroyed.

-- name: create_incoming_sealed
CREATE TEMP TABLE incoming_sealed (
    token text COLLATE "C", field text, subject text COLLATE "C", kid text, wrapped_key bytea, envelope bytea
) ON COMMIT DROP;

-- name: keep_sealed
-- What is held already stays as it is, above all what was destroyed. In the order of tokens: two pages never wait for each
-- other.
INSERT INTO vault.sealed (token, field, subject, kid, wrapped_key, envelope)
SELECT DISTINCT ON (token) token, field, subject, kid, wrapped_key, envelope
FROM incoming_sealed
ORDER BY token
ON CONFLICT DO NOTHING;

-- name: record_keys
SELECT token, field, subject, kid, wrapped_key, envelope FROM vault.record_keys(%(tokens)s);

-- name: forgotten_records
-- Erased records of an entity, all of them or these, each with the newest payload that is kept of it.
SELECT DISTINCT ON (erased.native_id) erased.native_id, records.payload
FROM vault.erasure_records AS erased
JOIN vault.erasures USING (erasure_id)
LEFT JOIN raw.records
    ON records.system = %(system)s AND records.entity = erased.entity AND records.native_id = erased.native_id
    AND records.damage = '' AND NOT records.gone
WHERE approved_by IS NOT NULL AND NOT spared AND erased.entity = %(entity)s
    AND (%(native_ids)s::text[] IS NULL OR erased.native_id = ANY (%(native_ids)s::text[]))
ORDER BY erased.native_id, records.seq DESC;

-- name: sealed_values
-- Records' own keys are no values.
SELECT token, field, subject, kid, wrapped_key, envelope FROM vault.sealed
WHERE token = ANY(%(tokens)s) AND field <> '~key';

-- name: note_opening
INSERT INTO vault.openings (actor, purpose, opened) VALUES (%(actor)s, %(purpose)s, %(opened)s);

-- name: sealed_by
-- How much each key wraps, tokens among it, destroyed values aside.
SELECT kid, count(*) AS held FROM (
    SELECT kid FROM vault.sealed WHERE wrapped_key IS NOT NULL
    UNION ALL
    SELECT kid FROM vault.token_states WHERE kid IS NOT NULL
) AS wrapped GROUP BY kid ORDER BY kid;

-- name: in_clear
-- Rows that landed before their source was sealed.
SELECT (
    SELECT count(*) FROM canonical.contacts WHERE NOT starts_with(coalesce(email, last_name, first_name, phone), 'pii1:')
) + (
    SELECT count(*) FROM canonical.attempts WHERE NOT starts_with(card, 'pii1:')
) + (
    SELECT count(*) FROM canonical.customers WHERE NOT starts_with(email, 'pii1:')
) + (
    SELECT count(*) FROM canonical.payments WHERE payer_head IS NULL AND btrim(payer_text) <> ''
) + (
    SELECT count(*) FROM canonical.bank_lines WHERE NOT starts_with(account, 'pii1:')
) AS held;

-- name: sealed_by_others
-- What another key than this one wraps, some at a time.
SELECT token, field, subject, kid, wrapped_key, envelope FROM vault.sealed
WHERE wrapped_key IS NOT NULL AND kid <> %(kid)s
ORDER BY kid, token LIMIT %(most)s
FOR UPDATE SKIP LOCKED;

-- name: wrap_anew
UPDATE vault.sealed SET kid = %(kid)s, wrapped_key = anew.wrapped_key
FROM unnest(%(tokens)s::text[], %(wrapped_keys)s::bytea[]) AS anew (token, wrapped_key)
WHERE sealed.token = anew.token;

-- name: tokens_of
-- Everything sealed that a record ever said, in the payloads it came in.
SELECT DISTINCT found[1] AS token
FROM raw.records, regexp_matches(payload::text, 'pii1:[A-Za-z0-9_-]{22}', 'g') AS found
WHERE entity = %(entity)s AND native_id = %(native_id)s
ORDER BY token;

-- name: ask_erasure
INSERT INTO vault.erasures (entity, native_id, reason, asked_by)
VALUES (%(entity)s, %(native_id)s, %(reason)s, %(asked_by)s)
ON CONFLICT DO NOTHING
RETURNING erasure_id;

-- name: erasure_asked
SELECT erasure_id, asked_by, reason, asked_at, asked_at + interval '744 hours' <= ops.clock() AS lapsed FROM vault.erasures
WHERE entity = %(entity)s AND native_id = %(native_id)s AND approved_by IS NULL AND ended_by IS NULL
FOR UPDATE;

-- name: erasures_waiting
-- What nobody has decided for a day, the oldest first.
SELECT entity || '/' || native_id AS record, asked_by, asked_at FROM vault.erasures
WHERE approved_by IS NULL AND ended_by IS NULL AND asked_at <= ops.clock() - interval '1 day'
ORDER BY asked_at, erasure_id;

-- name: end_erasure
UPDATE vault.erasures SET ended_by = %(ended_by)s, ended_at = ops.clock(), ended_why = %(reason)s
WHERE erasure_id = %(erasure_id)s;

-- name: list_records
INSERT INTO vault.erasure_records (erasure_id, entity, native_id, why, spared)
SELECT %(erasure_id)s, listed.*
FROM unnest(%(entities)s::text[], %(native_ids)s::text[], %(whys)s::text[], %(spared)s::boolean[]) AS listed;

-- name: listed_records
SELECT entity, native_id, why, spared FROM vault.erasure_records
WHERE erasure_id = %(erasure_id)s ORDER BY spared, entity, native_id;

-- name: forget_records
SELECT vault.forget_records(%(erasure_id)s) AS destroyed;

-- name: sealed_by_subject
-- All that can be opened, what one record says together.
SELECT token, field, subject, kid, wrapped_key, envelope FROM vault.sealed
WHERE wrapped_key IS NOT NULL AND field NOT IN ('~key', 'account')
ORDER BY subject, token;

-- name: records_saying
SELECT DISTINCT entity, native_id, token
FROM (
    SELECT entity, native_id, payload::text AS said FROM raw.records
    WHERE entity IN ('contacts', 'customers', 'payments', 'attempts', 'bank_lines') OFFSET 0
) AS received JOIN unnest(%(tokens)s::text[]) AS token ON strpos(said, token) > 0;

-- name: parts_of_payments
-- What belongs to payments, and the payments that such a part belongs to.
WITH parts AS (
    SELECT 'attempts' AS entity, native_id, payment_id, card IS NOT NULL AS has_card FROM canonical.attempts
    UNION ALL
    SELECT 'refunds', native_id, payment_id, false FROM canonical.refunds
    UNION ALL
    SELECT 'disputes', native_id, payment_id, false FROM canonical.disputes
)
SELECT DISTINCT entity, native_id, payment_id FROM parts
WHERE (payment_id = ANY (%(payments)s) OR entity || '/' || native_id = ANY (%(records)s))
    AND (has_card OR EXISTS (SELECT FROM vault.sealed WHERE subject = entity || '/' || native_id))
ORDER BY entity, native_id;

-- name: approve_erasure
UPDATE vault.erasures SET approved_by = %(approved_by)s, approved_at = ops.clock(), destroyed = %(destroyed)s
WHERE erasure_id = %(erasure_id)s;

-- name: erasures_done
SELECT erasure_id, entity, native_id, reason, asked_by, asked_at, approved_by, approved_at, (
    SELECT array_agg(listed.entity || '/' || listed.native_id ORDER BY listed.entity, listed.native_id)
    FROM vault.erasure_records AS listed WHERE listed.erasure_id = erasures.erasure_id AND NOT spared
) AS records
FROM vault.erasures WHERE approved_by IS NOT NULL ORDER BY erasure_id;

-- name: become
-- Until the end of the transaction; where there are no roles, all work as one login.
SELECT set_config('role', %(role)s, true) WHERE to_regrole(%(role)s) IS NOT NULL;

-- name: let_payloads_change
-- Nobody receives anything until the end of the transaction.
ALTER TABLE raw.records DISABLE TRIGGER payloads_stay, DISABLE TRIGGER records_are_append_only;

-- name: let_payloads_stay
ALTER TABLE raw.records ENABLE TRIGGER payloads_stay, ENABLE TRIGGER records_are_append_only;

-- name: received_kinds
SELECT DISTINCT system, entity FROM raw.records ORDER BY system, entity;

-- name: received_in_clear
-- Payloads in which nothing stands for a sealed value, in portions: they may hold something personal.
SELECT seq, native_id, version, payload FROM raw.records
WHERE system = %(system)s AND entity = %(entity)s AND seq > %(after)s AND NOT payload ? '~sealed' AND NOT EXISTS (
        SELECT FROM regexp_matches(payload::text, 'pii1:[A-Za-z0-9_-]{22}', 'g') AS named JOIN vault.sealed ON token = named[1]
    )
ORDER BY seq LIMIT %(most)s;

-- name: pulled_kinds
SELECT DISTINCT system, entity FROM ops.pulls ORDER BY system, entity;

-- name: payloads_here_and_there
-- Some payloads of a kind, from pulls as far apart as they can be, the oldest and the newest among them.
WITH kind AS (
    SELECT pull_id, row_number() OVER (ORDER BY pull_id) - 1 AS place, count(*) OVER () AS pulls
    FROM ops.pulls
    WHERE system = %(system)s AND entity = %(entity)s
        AND EXISTS (SELECT FROM raw.records WHERE records.pull_id = pulls.pull_id)
), chosen AS (
    SELECT DISTINCT pull_id, ceil(%(most)s::numeric / least(pulls, %(most)s))::integer AS of_each
    FROM kind, generate_series(0, %(most)s - 1) AS step
    WHERE place = (pulls - 1) * step / greatest(%(most)s - 1, 1)
)
SELECT one.payload
FROM chosen, LATERAL (
    SELECT payload FROM raw.records WHERE records.pull_id = chosen.pull_id ORDER BY seq LIMIT of_each
) AS one
LIMIT %(most)s;

-- name: seal_received
UPDATE raw.records SET payload = said::jsonb
FROM unnest(%(seqs)s::bigint[], %(payloads)s::text[]) AS sealed (of, said) WHERE seq = of;

-- name: rows_in_clear
-- Rows with a personal field that no stand-in is in, or without what compares a name that is in clear, in portions.
SELECT native_id, version, recorded_in, to_jsonb(held) - ARRAY['recorded_in', 'superseded_in'] AS said FROM {table} AS held
WHERE (native_id, recorded_in) > (%(native_id)s, %(recorded_in)s) AND (
    EXISTS (
        SELECT FROM jsonb_each_text(to_jsonb(held)) AS one
        WHERE key = ANY (%(fields)s) AND btrim(value) <> '' AND value !~ '^(pii1:[A-Za-z0-9_-]{{22}}(@\S+)?|•+)$'
    ) OR to_jsonb(held) @> '{{"name_head": null}}'
)
ORDER BY held.native_id, held.recorded_in LIMIT %(most)s;

-- name: seal_rows
UPDATE {table} AS held SET ({columns}) = (
    SELECT {columns} FROM jsonb_populate_record(held, sealed.said::jsonb)
)
FROM unnest(%(native_ids)s::text[], %(recorded_ins)s::bigint[], %(said)s::text[]) AS sealed (native_id, recorded_in, said)
WHERE held.native_id = sealed.native_id AND held.recorded_in = sealed.recorded_in;

-- name: note_sealed
-- Who adds to the audit log by hand is its owner, who may; what was in clear leaves no hash there.
INSERT INTO audit.events (actor, act, entity, why)
VALUES (%(actor)s, 'rows sealed', 'vault', %(sealed)s || ' ' || %(what)s || ' from before their source was sealed');
