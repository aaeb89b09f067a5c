-- The OAuth2 token of a system, which all workers share.

-- name: token_of
SELECT system, flow, login_sha256, generation, kid, wrapped_key, envelope, renewed_at, expires_at, in_a_row, signed_in_by, asks,
    asking_since, asked_by, away_at, stopped_at, stopped_why, needs_person, is_void, ops.clock() AS now
FROM vault.tokens WHERE system = %(system)s;

-- name: token_to_renew
-- The same, held until the transaction ends.
SELECT system, flow, login_sha256, generation, kid, wrapped_key, envelope, renewed_at, expires_at, in_a_row, signed_in_by, asks,
    asking_since, asked_by, away_at, stopped_at, stopped_why, needs_person, is_void, ops.clock() AS now
FROM vault.tokens WHERE system = %(system)s
FOR UPDATE;

-- name: begin_asking
-- Before the system is asked: whoever comes after a death sees that it may have been.
INSERT INTO vault.tokens AS known (system, flow, login_sha256, asks, asking_since, asked_by)
VALUES (%(system)s, %(flow)s, %(login_sha256)s, 1, ops.clock(), %(by)s)
ON CONFLICT (system) DO UPDATE SET asks = known.asks + 1, asking_since = excluded.asking_since, asked_by = excluded.asked_by
RETURNING asking_since;

-- name: end_asking
-- Without a token. What the system surely did not hear is as if it had not been asked.
UPDATE vault.tokens SET asking_since = NULL, away_at = ops.clock(), asks = asks - CASE WHEN %(heard)s THEN 0 ELSE 1 END
WHERE system = %(system)s AND asking_since = %(asking_since)s;

-- name: refuse_token
-- What another login got is no token of this one's.
UPDATE vault.tokens SET asking_since = NULL, asks = 0, stopped_at = ops.clock(), stopped_why = %(why)s,
    needs_person = %(needs_person)s, is_void = %(is_void)s OR login_sha256 <> %(login_sha256)s,
    flow = %(flow)s, login_sha256 = %(login_sha256)s, stopped_dag = ops.our_dag(), stopped_run = ops.our_run()
WHERE system = %(system)s AND asking_since = %(asking_since)s;

-- name: keep_token
-- Only after the generation they saw, and only by who asked last, or while nobody asks: an answer may come late.
UPDATE vault.tokens SET generation = generation + 1, flow = %(flow)s, login_sha256 = %(login_sha256)s, kid = %(kid)s,
    wrapped_key = %(wrapped_key)s, envelope = %(envelope)s, renewed_at = ops.clock(),
    expires_at = ops.clock() + make_interval(secs => %(lives_s)s),
    in_a_row = CASE WHEN renewed_at > ops.clock() - interval '1 minute' THEN in_a_row + 1 ELSE 1 END,
    asks = 0, asking_since = NULL, away_at = NULL, stopped_at = NULL, stopped_why = '', needs_person = false,
    is_void = false
WHERE system = %(system)s AND generation = %(generation)s
    AND (asking_since = %(asking_since)s OR asking_since IS NULL AND login_sha256 = %(login_sha256)s);

-- name: keep_signed_in
-- What a person's sign-in gave, whatever was before.
INSERT INTO vault.tokens AS known (system, flow, login_sha256, generation, kid, wrapped_key, envelope, renewed_at, expires_at,
    in_a_row, signed_in_by, signed_in_at)
VALUES (%(system)s, %(flow)s, %(login_sha256)s, %(generation)s, %(kid)s, %(wrapped_key)s, %(envelope)s, ops.clock(),
    ops.clock() + make_interval(secs => %(lives_s)s), 1, %(by)s, ops.clock())
ON CONFLICT (system) DO UPDATE SET generation = excluded.generation, flow = excluded.flow,
    login_sha256 = excluded.login_sha256, kid = excluded.kid, wrapped_key = excluded.wrapped_key, envelope = excluded.envelope,
    renewed_at = excluded.renewed_at, expires_at = excluded.expires_at, in_a_row = 1, signed_in_by = excluded.signed_in_by,
    signed_in_at = excluded.signed_in_at, asks = 0, asking_since = NULL, away_at = NULL, stopped_at = NULL, stopped_why = '',
    needs_person = false, is_void = false;

-- name: tokens_sealed_by_others
SELECT 'oauth2:' || system AS token, 'token' AS field, 'generations/' || generation AS subject, kid, wrapped_key, envelope
FROM vault.tokens WHERE kid <> %(kid)s ORDER BY system FOR UPDATE;

-- name: wrap_token_anew
UPDATE vault.tokens SET kid = %(kid)s, wrapped_key = %(wrapped_key)s WHERE 'oauth2:' || system = %(token)s;
