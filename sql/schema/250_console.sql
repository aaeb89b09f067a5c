-- What the console's pages read: orders to page through by key, and the newest version of any record by its id.

ALTER TABLE recon.break_lives
ADD COLUMN is_open boolean NOT NULL GENERATED ALWAYS AS (state NOT IN ('RESOLVED', 'ACCEPTED')) STORED,
-- Ascending with what is worth most first; what nobody can value comes last.
ADD COLUMN value_rank bigint NOT NULL GENERATED ALWAYS AS (-coalesce(abs(amount_sgd_minor), -1)) STORED;
CREATE INDEX ON recon.break_lives (is_open, severity, value_rank, break_id);
CREATE INDEX ON recon.break_lives (is_open, value_rank, break_id);
CREATE INDEX ON recon.break_lives (is_open, since_on, break_id);
CREATE INDEX ON recon.break_lives (is_open, key, break_id);

-- What people and policy did, newest first. What runs found stands in the runs.
CREATE INDEX ON recon.break_events (happened_at, break_id, version) WHERE actor_kind <> 'run';

-- By rule, and by what a match joins. Runs name their matches anew every day: the run comes last where an id decides.
CREATE INDEX ON recon.matches (run_id, recon, rule, match_id);
CREATE INDEX ON recon.matches (side_a_id, run_id);
CREATE INDEX ON recon.matches (side_b_id, run_id);
CREATE INDEX ON recon.runs (published_at) WHERE state = 'published';
CREATE INDEX ON recon.arr_bridge (run_id, month);
CREATE INDEX ON canonical.payouts (arrival_date, native_id) WHERE superseded_in IS NULL;
CREATE INDEX ON delivery.outbox (state, message_id) WHERE state IN ('queued', 'called', 'uncertain', 'parked');
CREATE INDEX ON delivery.outbox (finished_at) WHERE state = 'confirmed';

-- The newest version of every record, whatever it is. Contacts are left out: no break is about a person.
CREATE VIEW canonical.newest AS
SELECT 'accounts' AS entity, native_id, version, place, recorded_in, to_jsonb(known) AS facts
FROM canonical.accounts AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'opportunities', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.opportunities AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'customers', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.customers AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'orders', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.orders AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'invoices', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.invoices AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'credit_notes', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.credit_notes AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'subscriptions', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.subscriptions AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'amendments', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.amendments AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'payments', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.payments AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'refunds', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.refunds AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'disputes', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.disputes AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'payouts', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.payouts AS known WHERE superseded_in IS NULL
UNION ALL
SELECT 'bank_lines', native_id, version, place, recorded_in, to_jsonb(known)
FROM canonical.bank_lines AS known WHERE superseded_in IS NULL;
