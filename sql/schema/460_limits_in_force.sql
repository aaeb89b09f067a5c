-- Whoever proposes is judged by limits that somebody else wrote: who reconciles and who watches keep those of the policy
-- they work by; people at the desk name them, and can write none.

ALTER TABLE recon.control_limits
ADD COLUMN kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
ADD COLUMN kept_by name NOT NULL DEFAULT current_user;  -- the role of the database

CREATE INDEX ON recon.runs (computed_at);

-- Whose limits count is what was named last, and not what was kept first: who goes back to an earlier policy finds its limits
-- kept already, and names them again.
CREATE TABLE recon.limits_named (
    naming_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rules_sha256 text NOT NULL REFERENCES recon.control_limits,
    named_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    named_by name NOT NULL DEFAULT current_user  -- the role of the database
);

INSERT INTO recon.limits_named (rules_sha256, named_at, named_by)
SELECT rules_sha256, kept_at, kept_by FROM recon.control_limits ORDER BY kept_at, rules_sha256;

CREATE TRIGGER limits_named_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.limits_named
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

-- The first time is in the audit log as limits that are set.
CALL audit.watch('recon.limits_named', 'INSERT', $told$
    SELECT audit.program(), 'limits named again', 'rules/' || rules_sha256, 'their policy is worked by once more', '',
        rules_sha256, '', 'naming ' || naming_no
    FROM added WHERE EXISTS (
        SELECT FROM recon.limits_named AS earlier
        WHERE earlier.rules_sha256 = added.rules_sha256 AND earlier.naming_no < added.naming_no
    ) $told$);

-- The limits in force: those of the newest run's rules, and those that were named last, where no run knows them yet.
CREATE VIEW recon.limits_in_force AS
SELECT rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor FROM recon.control_limits
WHERE rules_sha256 = (SELECT rules_sha256 FROM recon.runs ORDER BY computed_at DESC LIMIT 1)
    OR rules_sha256 = (SELECT rules_sha256 FROM recon.limits_named ORDER BY naming_no DESC LIMIT 1);

CREATE FUNCTION recon.refuse_other_limits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM recon.limits_in_force WHERE rules_sha256 = new.rules_sha256) THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'the limits of the rules % are not in force', left(new.rules_sha256, 12)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'limits_are_in_force';
END $$;

CREATE TRIGGER limits_are_in_force BEFORE INSERT ON recon.break_proposals
FOR EACH ROW EXECUTE FUNCTION recon.refuse_other_limits();

-- What a run carries out nobody calls done: what was approved and says what belongs together, unless it withdraws.
CREATE FUNCTION recon.refuse_undone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM recon.pairings
        WHERE break_id = new.break_id AND proposal_no = new.proposal_before AND kind <> 'withdraw'
    ) THEN
        RAISE EXCEPTION 'the next reconciliation carries out what was approved for break %', new.break_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'runs_carry_out_what_is_paired';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER runs_carry_out_what_is_paired BEFORE INSERT ON recon.break_events
FOR EACH ROW WHEN (new.action = 'resolved' AND new.from_state = 'APPROVED')
EXECUTE FUNCTION recon.refuse_undone();
