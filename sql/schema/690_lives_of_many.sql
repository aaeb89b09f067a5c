-- A day sees most lives again, and marks them: a row of it stays on its page, where no index need follow it, and what run
-- saw them is asked once a statement, as of all that runs find.

ALTER TABLE recon.break_lives SET (fillfactor = 60);

ALTER TABLE recon.break_lives DROP CONSTRAINT break_lives_first_seen_run_fkey;
ALTER TABLE recon.break_lives DROP CONSTRAINT break_lives_last_seen_run_fkey;

CREATE TRIGGER first_seen_run_is_known AFTER INSERT ON recon.break_lives
REFERENCING NEW TABLE AS added FOR EACH STATEMENT
EXECUTE FUNCTION ops.refuse_strangers('first_seen_run', 'recon.runs', 'run_id');
CREATE TRIGGER first_seen_run_stays_known AFTER UPDATE ON recon.break_lives
REFERENCING NEW TABLE AS added FOR EACH STATEMENT
EXECUTE FUNCTION ops.refuse_strangers('first_seen_run', 'recon.runs', 'run_id');
CREATE TRIGGER last_seen_run_is_known AFTER INSERT ON recon.break_lives
REFERENCING NEW TABLE AS added FOR EACH STATEMENT
EXECUTE FUNCTION ops.refuse_strangers('last_seen_run', 'recon.runs', 'run_id');
CREATE TRIGGER last_seen_run_stays_known AFTER UPDATE ON recon.break_lives
REFERENCING NEW TABLE AS added FOR EACH STATEMENT
EXECUTE FUNCTION ops.refuse_strangers('last_seen_run', 'recon.runs', 'run_id');
