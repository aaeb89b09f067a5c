-- Of every table from which something is removed one day: what is, and what stays however old it is.

INSERT INTO delivery.inbox
    (source, event_id, entity, native_id, kind, sequence, state, received_at, finished_at, reason)
SELECT 'payments', 'evt_' || n, 'payments', 'ch_' || n, 'charge', n::text,
    CASE n WHEN 4 THEN 'dead' ELSE 'done' END, now(), now(), CASE n WHEN 4 THEN 'why' END
FROM generate_series(1, 4) AS n;

INSERT INTO delivery.lanes (began_at) SELECT now() FROM generate_series(1, 4);

INSERT INTO ops.sweeps
    (system, entity, listed_count, gone_count, repaired_count, refreshed_count, swept_at)
SELECT 'erp', 'invoices', 1, 0, n % 2, 0, now() + n * interval '1 second' FROM generate_series(1, 6) AS n;

INSERT INTO ops.day_runs (as_of, dag_run, began_at)
SELECT '2026-06-30', 'run ' || n, now() FROM generate_series(1, 3) AS n;

INSERT INTO ops.alert_channels (channel) VALUES ('mail');

INSERT INTO ops.alerts (kind, about, severity, since, count, amounts, ids, dag_id, dag_run, detail, raised_at,
    seen_at, over_at, mended)
SELECT 'flow_late', 'flow ' || n, 'S2', now(), 1, '{}', '{}', '', '', '{}', now(), now(),
    CASE WHEN n < 4 THEN now() END, CASE WHEN n < 4 THEN true END
FROM generate_series(1, 4) AS n;

WITH told AS (
    INSERT INTO ops.bulletins (channel, subject, entries, made_at, state, sent_at)
    SELECT 'mail', 'flow ' || n, '[]', now(), 'sent', now() FROM generate_series(1, 4) AS n
    RETURNING bulletin_id, subject
)
INSERT INTO ops.tellings (bulletin_id, alert_id, says, severity)
SELECT bulletin_id, alert_id, 'raised', 'S2' FROM told JOIN ops.alerts ON about = subject;

INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, source_amounts, held_amounts,
    proven, complete_until)
SELECT 'erp', 'invoices', '{}', 0, 0, '{}', '{}', '{}', true, now() FROM generate_series(1, 5);
