-- Whoever proposes is judged by limits that somebody else wrote: who reconciles and who watches keep those of the policy
-- they work by; people at the desk name them, and can write none.

ALTER TABLE recon.control_limits
ADD COLUMN kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
ADD COLUMN kept_by name NOT NULL DEFAULT current_user;  -- the role of the database

CREATE INDEX ON recon.control_limits (kept_at);
CREATE INDEX ON recon.runs (computed_at);

-- The limits in force: those of the newest run's rules, and those that were kept last, where no run knows them yet.
CREATE VIEW recon.limits_in_force AS
SELECT rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor FROM recon.control_limits
WHERE rules_sha256 = (SELECT rules_sha256 FROM recon.runs ORDER BY computed_at DESC LIMIT 1)
    OR rules_sha256 = (SELECT rules_sha256 FROM recon.control_limits ORDER BY kept_at DESC LIMIT 1);

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

-- The desk adds no limits; all else is as it was.
ALTER FUNCTION ops.privileges(text, name, name, boolean, boolean) RENAME TO privileges_but_for_limits;

CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN role = 'tieout_console' AND held = 'recon' AND tab = 'control_limits' THEN 'SELECT'
        ELSE ops.privileges_but_for_limits(role, held, tab, changes => changes, removals => removals) END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tieout_console') THEN
        REVOKE ALL ON recon.control_limits FROM tieout_console;
        GRANT SELECT ON recon.control_limits TO tieout_console;
    END IF;
END $$;
