-- What was promoted where, by whom, and what a change of rules would have changed before it was.

CREATE FUNCTION ops.sha256_of(words text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT encode(sha256(convert_to(words, 'UTF8')), 'hex')
$$;

-- The files of a set of rules, so that it can be replayed when the files are others.
CREATE TABLE ops.rule_sets (
    rules_sha256 text PRIMARY KEY,
    files jsonb NOT NULL,  -- name -> text
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What other rules would change, as it was shown.
CREATE TABLE ops.radii (
    radius_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    old_rules text NOT NULL REFERENCES ops.rule_sets,
    new_rules text NOT NULL REFERENCES ops.rule_sets,
    code_sha256 text NOT NULL,
    days date[] NOT NULL CHECK (cardinality(days) > 0),
    result jsonb NOT NULL,
    result_sha256 text NOT NULL GENERATED ALWAYS AS (ops.sha256_of(result::text)) STORED,
    shown_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON ops.radii (old_rules, new_rules, code_sha256);

CREATE TABLE ops.promotions (
    promotion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment text NOT NULL,
    release_sha256 text NOT NULL GENERATED ALWAYS AS (
        ops.sha256_of(code_sha256 || '|' || rules_sha256 || '|' || schema_sha256)
    ) STORED,
    code_sha256 text NOT NULL,
    rules_sha256 text NOT NULL REFERENCES ops.rule_sets,
    schema_sha256 text NOT NULL,
    commit_id text NOT NULL,
    author_ids text[] NOT NULL CHECK (cardinality(author_ids) > 0),  -- of what came since the last promotion
    approver text NOT NULL,
    approver_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(approver)) STORED,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    gates jsonb NOT NULL,
    radius_id bigint REFERENCES ops.radii,
    promoted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT nobody_approves_their_own CHECK (
        recon.identity(approver) <> ALL (author_ids) AND recon.is_person(recon.identity(approver))
    ),
    CONSTRAINT every_gate_is_passed CHECK (NOT jsonb_path_exists(gates, '$[*] ? (@.passed != true)')),
    CONSTRAINT some_gates_were_asked CHECK (jsonb_typeof(gates) = 'array' AND jsonb_array_length(gates) > 0)
);
CREATE INDEX ON ops.promotions (environment, promotion_id);

CREATE FUNCTION ops.are_identities(names text[]) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
    SELECT coalesce(bool_and(name = recon.identity(name)), false) FROM unnest(names) AS name
$$;
ALTER TABLE ops.promotions ADD CONSTRAINT authors_are_identities CHECK (ops.are_identities(author_ids));

CREATE TRIGGER rule_sets_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.rule_sets
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER radii_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.radii
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER promotions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.promotions
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
