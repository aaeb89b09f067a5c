-- Personal data, sealed, and what became of it. Everywhere else stands what stands for it: `pii1:…`.

CREATE SCHEMA vault;

-- Who asked that somebody's data be destroyed, and who agreed: two people.
CREATE TABLE vault.erasures (
    erasure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    asked_by text NOT NULL CHECK (asked_by <> ''),
    asked_at timestamptz NOT NULL DEFAULT ops.clock(),
    approved_by text CHECK (approved_by <> asked_by),
    approved_at timestamptz,
    destroyed integer CHECK (destroyed >= 0),  -- values
    CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (destroyed IS NULL))
);
CREATE UNIQUE INDEX ON vault.erasures (entity, native_id) WHERE approved_by IS NULL;

CREATE TABLE vault.sealed (
    token text COLLATE "C" PRIMARY KEY,
    field text NOT NULL,
    subject text COLLATE "C" NOT NULL,  -- `contacts/003…`, or the token itself where all who have the value share it
    kid text NOT NULL,                  -- the key that wraps the data key
    wrapped_key bytea,                  -- null: destroyed, and the value with it
    envelope bytea NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_in bigint REFERENCES vault.erasures,
    CHECK ((wrapped_key IS NULL) = (destroyed_in IS NOT NULL))
);
CREATE INDEX ON vault.sealed (subject);
CREATE INDEX ON vault.sealed (kid, token) WHERE wrapped_key IS NOT NULL;

-- Who saw what in clear, and what for.
CREATE TABLE vault.openings (
    opening_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor text NOT NULL CHECK (actor <> ''),
    purpose text NOT NULL CHECK (purpose <> ''),
    opened integer NOT NULL CHECK (opened > 0),  -- values
    opened_at timestamptz NOT NULL DEFAULT ops.clock()
);

CREATE FUNCTION vault.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'vault.% keeps what it was given: % is refused', tg_table_name, tg_op;
END $$;
CREATE TRIGGER openings_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.openings
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
CREATE TRIGGER values_stay BEFORE DELETE OR TRUNCATE ON vault.sealed
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
CREATE TRIGGER erasures_stay BEFORE DELETE OR TRUNCATE ON vault.erasures
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();

-- A key is wrapped anew, or destroyed; nothing else changes, and nothing comes back.
CREATE FUNCTION vault.keep_values() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (old.token, old.field, old.subject, old.envelope, old.sealed_at)
        IS DISTINCT FROM (new.token, new.field, new.subject, new.envelope, new.sealed_at)
        OR old.destroyed_in IS NOT NULL THEN
        RAISE EXCEPTION 'the sealed value % does not change', old.token;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER values_do_not_change BEFORE UPDATE ON vault.sealed
FOR EACH ROW EXECUTE FUNCTION vault.keep_values();

CREATE FUNCTION vault.keep_erasures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.approved_by IS NOT NULL OR (old.entity, old.native_id, old.reason, old.asked_by, old.asked_at)
        IS DISTINCT FROM (new.entity, new.native_id, new.reason, new.asked_by, new.asked_at) THEN
        RAISE EXCEPTION 'erasure % is decided', old.erasure_id;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER erasures_are_decided_once BEFORE UPDATE ON vault.erasures
FOR EACH ROW EXECUTE FUNCTION vault.keep_erasures();

-- What compares names that are sealed: where these are empty, the name is in clear and compared itself.
ALTER TABLE canonical.customers ADD COLUMN name_head text COLLATE "C", ADD COLUMN name_likeness text COLLATE "C";
ALTER TABLE canonical.payments
    ADD COLUMN payer_head text COLLATE "C",      -- the same for names that begin with the same 30 letters
    ADD COLUMN payer_key text COLLATE "C",       -- the start of another's where recon.text_key's would be
    ADD COLUMN payer_likeness text COLLATE "C";  -- the start of the customer's name_likeness, or it of this, where both name one
ALTER TABLE canonical.bank_lines ADD COLUMN payer_head text COLLATE "C", ADD COLUMN payer_key text COLLATE "C";

-- What two payers' names are compared by: of a name in clear its own key, of a sealed one what stands for it.
CREATE FUNCTION recon.payer_key(payer_text text, payer_head text, payer_key text) RETURNS text IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN payer_head IS NULL THEN recon.text_key(payer_text) ELSE payer_key END;

CREATE OR REPLACE VIEW seen.customers AS
SELECT known.* FROM canonical.customers AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

DROP VIEW seen.payments;
CREATE VIEW seen.payments AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.payments AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'payments' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.paid_on <= (SELECT current_setting('tieout.as_of')::date);

CREATE OR REPLACE VIEW seen.bank_lines AS
SELECT known.* FROM canonical.bank_lines AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.value_date <= (SELECT current_setting('tieout.as_of')::date);
