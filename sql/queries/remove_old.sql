-- What is past its time (ops.retention) and is removed, each part a portion at a time; and what has been for longer than
-- `grace`. A statement gives back of which table how many rows it removed.

-- part: old_hints
-- The last word on an object that could not be looked at stays, and so does one that nobody has answered.
SELECT hint_id FROM delivery.inbox AS hint
WHERE hint_id < (  -- they come in the order of their time: of those before the first that is kept, all are looked at
        SELECT coalesce(min(hint_id), 9223372036854775807) FROM (
            SELECT hint_id FROM delivery.inbox
            WHERE received_at >= (SELECT ops.kept_since('delivery.inbox', %(grace)s)) ORDER BY hint_id LIMIT 1
        ) AS first
    )
    AND finished_at < (SELECT ops.kept_since('delivery.inbox', %(grace)s))
    AND CASE state
        WHEN 'dead' THEN NOT EXISTS (SELECT FROM delivery.failed_looks WHERE failed_looks.hint_id = hint.hint_id)
        ELSE NOT EXISTS (
            SELECT FROM delivery.inbox AS dead
            WHERE dead.state = 'dead' AND dead.source = hint.source AND dead.entity = hint.entity
                AND dead.native_id = hint.native_id
        ) END

-- part: old_lanes
SELECT lane_id FROM delivery.lanes
WHERE began_at < (SELECT ops.kept_since('delivery.lanes', %(grace)s)) AND lane_id < (SELECT max(lane_id) FROM delivery.lanes)

-- part: old_proofs
-- Of a window that had nothing in it, between two that held: whatever asks for the newest proof at some time finds the one
-- before, which held as well and reached the same day. The sums of all windows are what they were.
SELECT proof.proof_id FROM ops.proofs AS proof
CROSS JOIN LATERAL (
    SELECT proven, checked_at, complete_until FROM ops.proofs AS earlier
    WHERE earlier.system = proof.system AND earlier.entity = proof.entity AND earlier.proof_id < proof.proof_id
    ORDER BY proof_id DESC LIMIT 1
) AS before
CROSS JOIN LATERAL (
    SELECT proven, proof_id FROM ops.proofs AS later
    WHERE later.system = proof.system AND later.entity = proof.entity AND later.proof_id > proof.proof_id
    ORDER BY proof_id LIMIT 1
) AS after
WHERE proof.checked_at < (SELECT ops.kept_since('ops.proofs', %(grace)s)) AND proof.proven AND proof.source_count = 0
    AND before.proven AND after.proven AND before.checked_at <= proof.checked_at
    AND (before.complete_until AT TIME ZONE %(zone)s)::date >= (proof.complete_until AT TIME ZONE %(zone)s)::date
    AND NOT EXISTS (
        SELECT FROM recon.runs WHERE proof_through >= proof.proof_id AND proof_through < after.proof_id
    )

-- part: old_sweeps
SELECT sweep_id FROM ops.sweeps AS sweep
WHERE swept_at < (SELECT ops.kept_since('ops.sweeps', %(grace)s)) AND gone_count + repaired_count + refreshed_count = 0 AND EXISTS (
    SELECT FROM ops.sweeps AS later
    WHERE later.system = sweep.system AND later.entity = sweep.entity AND later.swept_at > sweep.swept_at
        AND later.repaired_count = 0
)

-- part: old_alerts
SELECT alert_id FROM ops.alerts WHERE over_at < (SELECT ops.kept_since('ops.alerts', %(grace)s))

-- part: old_day_runs
SELECT as_of, dag_run FROM ops.day_runs WHERE began_at < (SELECT ops.kept_since('ops.day_runs', %(grace)s))

-- part: old_results
-- Runs whose results are left, though they were never published and a later one of their day was.
SELECT run_id FROM recon.runs AS run
WHERE published_at IS NULL AND computed_at < (SELECT ops.kept_since('recon.matches', %(grace)s))
    AND EXISTS (
        SELECT FROM recon.runs AS later
        WHERE later.as_of = run.as_of AND later.state = 'published' AND later.computed_at > run.computed_at
    )
    AND (EXISTS (SELECT FROM recon.matches WHERE matches.run_id = run.run_id)
        OR EXISTS (SELECT FROM recon.breaks WHERE breaks.run_id = run.run_id)
        OR EXISTS (SELECT FROM recon.open_invoices AS open WHERE open.run_id = run.run_id)
        OR EXISTS (SELECT FROM recon.unapplied_payments AS unapplied WHERE unapplied.run_id = run.run_id)
        OR EXISTS (SELECT FROM recon.customer_balances AS balances WHERE balances.run_id = run.run_id)
        OR EXISTS (SELECT FROM recon.arr_bridge WHERE arr_bridge.run_id = run.run_id))

-- name: wait_briefly
-- Nobody waits long for whoever removes, nor he for them.
SELECT set_config('lock_timeout', '2s', true), set_config('statement_timeout', '60s', true);

-- name: remove_hints
WITH hints AS (DELETE FROM delivery.inbox WHERE hint_id = ANY (ARRAY({old_hints} LIMIT %(most)s)) RETURNING 1)
SELECT 'delivery.inbox' AS relation, count(*) AS rows FROM hints;

-- name: remove_lanes
WITH lanes AS (DELETE FROM delivery.lanes WHERE lane_id = ANY (ARRAY({old_lanes} LIMIT %(most)s)) RETURNING 1)
SELECT 'delivery.lanes' AS relation, count(*) AS rows FROM lanes;

-- name: remove_proofs
WITH proofs AS (DELETE FROM ops.proofs WHERE proof_id = ANY (ARRAY({old_proofs} LIMIT %(most)s)) RETURNING 1)
SELECT 'ops.proofs' AS relation, count(*) AS rows FROM proofs;

-- name: remove_sweeps
WITH sweeps AS (DELETE FROM ops.sweeps WHERE sweep_id = ANY (ARRAY({old_sweeps} LIMIT %(most)s)) RETURNING 1)
SELECT 'ops.sweeps' AS relation, count(*) AS rows FROM sweeps;

-- name: remove_day_runs
WITH runs AS (DELETE FROM ops.day_runs WHERE (as_of, dag_run) IN ({old_day_runs} LIMIT %(most)s) RETURNING 1)
SELECT 'ops.day_runs' AS relation, count(*) AS rows FROM runs;

-- name: remove_alerts
-- With what was told of them; a bulletin that also told of another stays until that goes.
WITH old AS (
    {old_alerts} ORDER BY over_at LIMIT %(most)s
), silenced AS (
    SELECT bulletin_id FROM ops.tellings
    GROUP BY bulletin_id HAVING bool_and(alert_id IN (SELECT alert_id FROM old))
), tellings AS (
    DELETE FROM ops.tellings WHERE alert_id IN (SELECT alert_id FROM old) RETURNING 1
), bulletins AS (
    DELETE FROM ops.bulletins WHERE bulletin_id IN (SELECT bulletin_id FROM silenced) RETURNING 1
), alerts AS (
    DELETE FROM ops.alerts WHERE alert_id IN (SELECT alert_id FROM old) RETURNING 1
)
SELECT 'ops.alerts' AS relation, count(*) AS rows FROM alerts
UNION ALL SELECT 'ops.tellings', count(*) FROM tellings
UNION ALL SELECT 'ops.bulletins', count(*) FROM bulletins;

-- name: remove_results
-- A run at a time and whole: what it found is held against each other (sql/checks).
WITH old AS (
    {old_results} ORDER BY computed_at LIMIT 1
), matches AS (
    DELETE FROM recon.matches WHERE run_id IN (SELECT run_id FROM old) RETURNING 1
), breaks AS (
    DELETE FROM recon.breaks WHERE run_id IN (SELECT run_id FROM old) RETURNING 1
), open_invoices AS (
    DELETE FROM recon.open_invoices WHERE run_id IN (SELECT run_id FROM old) RETURNING 1
), unapplied AS (
    DELETE FROM recon.unapplied_payments WHERE run_id IN (SELECT run_id FROM old) RETURNING 1
), balances AS (
    DELETE FROM recon.customer_balances WHERE run_id IN (SELECT run_id FROM old) RETURNING 1
), bridge AS (
    DELETE FROM recon.arr_bridge WHERE run_id IN (SELECT run_id FROM old) RETURNING 1
)
SELECT 'recon.matches' AS relation, count(*) AS rows FROM matches
UNION ALL SELECT 'recon.breaks', count(*) FROM breaks
UNION ALL SELECT 'recon.open_invoices', count(*) FROM open_invoices
UNION ALL SELECT 'recon.unapplied_payments', count(*) FROM unapplied
UNION ALL SELECT 'recon.customer_balances', count(*) FROM balances
UNION ALL SELECT 'recon.arr_bridge', count(*) FROM bridge;

-- name: note_removal
INSERT INTO ops.removals (relation, rows, older_than)
VALUES (%(relation)s, %(rows)s, ops.kept_since(%(relation)s, interval '0'));

-- name: past_their_time
-- Tables with rows that should have been removed by now.
SELECT relation FROM (VALUES
    ('delivery.inbox', EXISTS ({old_hints})),
    ('delivery.lanes', EXISTS ({old_lanes})),
    ('ops.alerts', EXISTS ({old_alerts})),
    ('ops.day_runs', EXISTS ({old_day_runs})),
    ('ops.proofs', EXISTS ({old_proofs})),
    ('ops.sweeps', EXISTS ({old_sweeps})),
    ('recon.matches', EXISTS ({old_results}))
) AS found (relation, is_past) WHERE is_past ORDER BY relation;
