-- The OAuth2 token of each system: one row, which all workers share. Who finds the token over renews it, alone; what came is
-- kept here before it is used, sealed as personal data is. That somebody asks for a token is written down first, so that a
-- death in between is known: a refresh token may work once, and whether it was used then nobody else can tell.

CREATE TABLE vault.tokens (
    system text PRIMARY KEY,
    flow text NOT NULL,                        -- jwt bearer, client credentials, refresh token, password
    login_sha256 text NOT NULL,                -- whose login it is: app, user and place; another login has other tokens
    generation bigint NOT NULL DEFAULT 0 CHECK (generation >= 0),  -- how many tokens were kept
    kid text,
    wrapped_key bytea,
    envelope bytea,
    renewed_at timestamptz,
    expires_at timestamptz,                    -- where the system tells
    in_a_row integer NOT NULL DEFAULT 0,       -- renewals each within a minute of the one before
    signed_in_by text NOT NULL DEFAULT '',     -- who gave the refresh token, where the flow has one
    signed_in_at timestamptz,
    asks integer NOT NULL DEFAULT 0 CHECK (asks >= 0),  -- asked for a token, and nobody knows what came of it
    asking_since timestamptz,                  -- somebody is at it, or died at it
    asked_by text NOT NULL DEFAULT '',
    away_at timestamptz,                       -- when it was last asked in vain; not since a token came
    stopped_at timestamptz,                    -- no token is to be had,
    stopped_why text NOT NULL DEFAULT '',
    needs_person boolean NOT NULL DEFAULT false,  -- and will not be before somebody signs in again
    is_void boolean NOT NULL DEFAULT false,    -- the system refuses the one held, too
    stopped_dag text NOT NULL DEFAULT '',      -- the run of Airflow's that was told there is no token
    stopped_run text NOT NULL DEFAULT '',
    CHECK ((envelope IS NULL) = (generation = 0)),
    CHECK ((kid IS NULL) = (envelope IS NULL) AND (wrapped_key IS NULL) = (envelope IS NULL)),
    CHECK ((renewed_at IS NULL) = (envelope IS NULL)),
    CHECK ((stopped_at IS NULL) = (stopped_why = '')),
    CHECK (stopped_at IS NOT NULL OR NOT (needs_person OR is_void)),
    CHECK ((signed_in_at IS NULL) = (signed_in_by = ''))
);

CREATE TRIGGER tokens_stay BEFORE DELETE OR TRUNCATE ON vault.tokens
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();

-- One token follows another: none comes back, none is changed. Only what wraps its key may be another key.
CREATE FUNCTION vault.keep_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.system <> old.system OR new.generation NOT IN (old.generation, old.generation + 1)
        OR (new.generation = old.generation) <> (new.envelope IS NOT DISTINCT FROM old.envelope) THEN
        RAISE EXCEPTION 'a token of % follows generation %, and is kept once', old.system, old.generation;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER tokens_follow_each_other BEFORE UPDATE ON vault.tokens
FOR EACH ROW EXECUTE FUNCTION vault.keep_tokens();

-- What became of them, for whoever reads: no token, and nothing that opens one.
CREATE VIEW vault.token_states AS
SELECT system, flow, generation, kid, renewed_at, expires_at, signed_in_by, asks, asking_since, asked_by, stopped_at, stopped_why,
    needs_person, is_void, stopped_dag, stopped_run
FROM vault.tokens;

-- That a token was renewed, or is to be had no more, is in the audit log; that somebody asks is not.
CALL audit.watch('vault.tokens', 'INSERT', $told$
    SELECT signed_in_by, 'signed in', 'tokens/' || system, flow, '',
        ops.sha256_of(concat_ws('|', system, flow, login_sha256, generation, stopped_why)), '', 'generation ' || generation
    FROM added WHERE signed_in_at IS NOT NULL ORDER BY system $told$);
CALL audit.watch('vault.tokens', 'UPDATE', $told$
    SELECT CASE WHEN is_person THEN signed_in_by ELSE audit.program() END,
        CASE WHEN is_person THEN 'signed in' WHEN stopped_why <> '' THEN 'token refused' ELSE 'token renewed' END,
        'tokens/' || system, concat_ws(': ', flow, nullif(stopped_why, '')), before_sha256,
        ops.sha256_of(concat_ws('|', system, flow, login_sha256, generation, stopped_why)), '', 'generation ' || generation
    FROM (
        SELECT added.*, added.signed_in_at IS DISTINCT FROM gone.signed_in_at AS is_person,
            ops.sha256_of(concat_ws('|', gone.system, gone.flow, gone.login_sha256, gone.generation, gone.stopped_why))
                AS before_sha256
        FROM added JOIN gone USING (system)
        WHERE added.generation <> gone.generation OR added.stopped_why NOT IN ('', gone.stopped_why)
    ) AS changed ORDER BY system $told$);
