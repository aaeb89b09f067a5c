-- Personal data: kept sealed, found, wrapped anew, destroyed.

-- name: create_incoming_sealed
CREATE TEMP TABLE incoming_sealed (
    entity text COLLATE "C", native_id text COLLATE "C", token text COLLATE "C", field text, subject text COLLATE "C", kid text, wrapped_key bytea, envelope bytea
) ON COMMIT DROP;

-- name: keep_sealed
-- What is held already stays as it is, above all what was destroyed. What is said now of somebody whose data was destroyed
-- is kept without its key. In the order of tokens: two pages never wait for each other.
INSERT INTO vault.sealed (token, field, subject, kid, wrapped_key, envelope, destroyed_in)
SELECT DISTINCT ON (token) token, field, subject, kid, CASE WHEN erased_in IS NULL THEN wrapped_key END, envelope, erased_in
FROM incoming_sealed
LEFT JOIN (
    SELECT entity, native_id, max(erasure_id) AS erasure_id FROM vault.erasures WHERE approved_by IS NOT NULL
    GROUP BY entity, native_id
) AS erased USING (entity, native_id)
CROSS JOIN LATERAL (SELECT CASE WHEN field <> 'account' THEN erasure_id END AS erased_in) AS own
ORDER BY token, erased_in NULLS FIRST
ON CONFLICT DO NOTHING;

-- name: sealed_values
SELECT token, field, subject, kid, wrapped_key, envelope FROM vault.sealed WHERE token = ANY(%(tokens)s);

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
SELECT erasure_id, asked_by, reason, asked_at FROM vault.erasures
WHERE entity = %(entity)s AND native_id = %(native_id)s AND approved_by IS NULL
FOR UPDATE;

-- name: destroy_keys
-- The account a statement is of is the business's own and stays: every other line names it too.
UPDATE vault.sealed SET wrapped_key = NULL, destroyed_in = %(erasure_id)s
WHERE token = ANY(%(tokens)s) AND destroyed_in IS NULL AND field <> 'account';

-- name: forget_names
SELECT vault.forget_names(%(erasure_id)s);

-- name: approve_erasure
UPDATE vault.erasures SET approved_by = %(approved_by)s, approved_at = ops.clock(), destroyed = %(destroyed)s
WHERE erasure_id = %(erasure_id)s;

-- name: erasures_done
SELECT erasure_id, entity, native_id, reason, asked_by, asked_at, approved_by, approved_at
FROM vault.erasures WHERE approved_by IS NOT NULL ORDER BY erasure_id;
