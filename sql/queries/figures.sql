-- How things stand, for who watches from outside: each gauge of include/telemetry/names.py has a query here, whose columns are
-- its attributes and `value`. None reads more than what waits, is open, or is of the last days.

-- name: figure_inbox_hints
SELECT system, count(hint_id) AS value
FROM unnest(ARRAY['payments', 'salesforce']) AS system
LEFT JOIN delivery.inbox ON source = system AND state IN ('new', 'taken')
GROUP BY system ORDER BY system;

-- name: figure_inbox_oldest
SELECT system, coalesce(extract(epoch FROM ops.clock() - min(received_at)), 0)::double precision AS value
FROM unnest(ARRAY['payments', 'salesforce']) AS system
LEFT JOIN delivery.inbox ON source = system AND state IN ('new', 'taken')
GROUP BY system ORDER BY system;

-- name: figure_outbox_messages
WITH waiting AS (
    SELECT target, state, count(*) AS messages FROM delivery.outbox
    WHERE finished_at IS NULL OR reason IS NOT NULL GROUP BY target, state
)
SELECT target, state, coalesce(messages, 0) AS value
FROM unnest(ARRAY['salesforce', 'erp', 'payments']) AS target
CROSS JOIN unnest(ARRAY['queued', 'called', 'uncertain', 'parked']) AS state
LEFT JOIN waiting USING (target, state) ORDER BY target, state;

-- name: figure_outbox_oldest
SELECT target, coalesce(extract(epoch FROM ops.clock() - min(decided_at)), 0)::double precision AS value
FROM unnest(ARRAY['salesforce', 'erp', 'payments']) AS target
LEFT JOIN (
    SELECT target, decided_at FROM delivery.outbox WHERE finished_at IS NULL
) AS waiting USING (target)
GROUP BY target ORDER BY target;

-- name: figure_breaks_open
SELECT severity, count(break_id) AS value
FROM unnest(ARRAY['S1', 'S2', 'S3', 'S4']) AS severity
LEFT JOIN (SELECT severity, break_id FROM recon.break_lives WHERE is_open) AS open USING (severity)
GROUP BY severity ORDER BY severity;

-- name: figure_alerts_open
SELECT severity, count(*) AS value FROM ops.alerts WHERE over_at IS NULL GROUP BY severity ORDER BY severity;

-- name: figure_quarantine_rows
SELECT system, count(*) AS value FROM canonical.quarantine WHERE released_in IS NULL GROUP BY system ORDER BY system;

-- name: figure_api_calls_left
-- What was noted a day ago is another day's.
SELECT system, greatest(allowed - used, 0) AS value FROM ops.api_budgets
WHERE allowed > 0 AND noted_at > ops.clock() - interval '1 day' ORDER BY system;

-- name: figure_breaker_open
SELECT system, part, (open_until > '-infinity')::int AS value FROM ops.breakers ORDER BY system, part;

-- name: figure_sweep_repaired
SELECT system, sum(repaired_count)::bigint AS value
FROM ops.sweeps WHERE swept_at > ops.clock() - interval '1 day' GROUP BY system ORDER BY system;

-- name: figure_beat_age
SELECT flow, extract(epoch FROM ops.clock() - beat_at)::double precision AS value FROM ops.beats ORDER BY flow;

-- name: figure_run_days
SELECT state, count(*) AS value
FROM (SELECT state FROM recon.newest_runs ORDER BY as_of DESC LIMIT 30) AS newest GROUP BY state ORDER BY state;

-- name: figure_run_age
SELECT extract(epoch FROM ops.clock() - published_at)::double precision AS value
FROM recon.runs WHERE state = 'published' ORDER BY published_at DESC LIMIT 1;
