-- A published day as large as the console must stay quick with: %(matches)s matches, %(breaks)s open breaks.
-- Statements are run one by one; keys are hashes, so that their order says nothing.

INSERT INTO ops.batches DEFAULT VALUES;

INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state, certificate, published_at)
SELECT md5('run' || n)::uuid, date '2026-06-30' - n, 1, 0, 'rules', 'code', 'published',
    jsonb_build_object('certificate_sha256', md5('c' || n) || md5('d' || n)), now() - n * interval '1 day'
FROM generate_series(0, 399) AS n;

INSERT INTO recon.matches (run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor, residual_reason, state)
SELECT md5('run0')::uuid, 'R3-' || left(md5('m' || n), 16), 'R3',
    CASE WHEN n %% 100000 = 0 THEN 'P8' WHEN n %% 20 = 0 THEN 'P4' WHEN n %% 5 = 0 THEN 'P2' ELSE 'P1' END,
    'payment', 'py_' || left(md5('p' || n), 16), 'invoice', 'I' || n, 'SGD', 100 + n %% 100000, 0, '',
    CASE WHEN n %% 20 = 0 THEN 'suggested' ELSE 'posted' END
FROM generate_series(1, %(matches)s) AS n;

INSERT INTO recon.break_events (break_id, version, action, actor, reason, from_state, to_state, severity, code, currency, amount_minor, amount_sgd_minor, run_id)
SELECT md5('b' || n)::uuid, 1, 'opened', 'run', 'found', 'NEW', 'OPEN', 'S' || 1 + n %% 4,
    (ARRAY['CA16', 'CA01', 'CA03', 'CA04'])[1 + n %% 4], 'SGD', n %% 99991, n %% 99991, md5('run0')::uuid
FROM generate_series(1, %(breaks)s) AS n;

INSERT INTO recon.break_lives (break_id, recon, family, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, since_on, first_seen_run, first_seen_on, last_seen_run, last_seen_on, state, version)
SELECT md5('b' || n)::uuid, 'R3', 'cash', (ARRAY['CA16', 'CA01', 'CA03', 'CA04'])[1 + n %% 4],
    'py_' || left(md5('p' || n * 20), 16), 'SGD', n %% 99991, n %% 99991, 'S' || 1 + n %% 4,
    (ARRAY['AR', 'Tax', 'Billing', 'Treasury', 'RevOps'])[1 + n %% 5], date '2026-06-30' - n %% 400, md5('run0')::uuid,
    '2026-06-30', md5('run0')::uuid, '2026-06-30', 'OPEN', 1
FROM generate_series(1, %(breaks)s) AS n;

INSERT INTO recon.breaks (run_id, break_id, recon, code, key, currency, amount_minor, severity, age_days, owner, action, evidence)
SELECT last_seen_run, break_id, recon, code, key, currency, amount_minor, severity, 1, owner, 'choose suggestion',
    'several fit; a reference naming the invoice would decide'
FROM recon.break_lives;

-- What people did: a tenth of the breaks was commented on.
INSERT INTO recon.break_events (break_id, version, action, actor, reason, from_state, to_state, severity, code, currency, amount_minor, amount_sgd_minor)
SELECT break_id, 2, 'commented', 'ann', 'asked the remitter', 'OPEN', 'OPEN', severity, code, currency, amount_minor, amount_sgd_minor
FROM recon.break_lives WHERE value_rank %% 10 = 0;

UPDATE recon.break_lives SET version = 2 WHERE value_rank %% 10 = 0;

INSERT INTO canonical.payments (native_id, version, place, row_hash, recorded_in, id, customer_id, currency, amount_minor, paid_on, reference_tokens, reference_keys, names_a_document)
SELECT 'py_' || left(md5('p' || n), 16), '1', 'payments.csv, line ' || n, md5('h' || n), 1, 'py_' || left(md5('p' || n), 16),
    'C' || n %% 5000, 'SGD', 100 + n %% 100000, '2026-06-01', '{}', '{}', false
FROM generate_series(1, %(matches)s / 5) AS n;

INSERT INTO canonical.invoices (native_id, version, place, row_hash, recorded_in, id, number, number_key, customer_id, issue_date, due_date, currency, gross_minor)
SELECT 'I' || n, '1', 'invoices.csv, line ' || n, md5('i' || n), 1, 'I' || n, 'INV-' || n, n::text, 'C' || n %% 5000,
    '2026-05-01', '2026-06-01', 'SGD', 100 + n %% 100000
FROM generate_series(1, %(matches)s / 5) AS n;

INSERT INTO canonical.payouts (native_id, version, place, row_hash, recorded_in, id, currency, gross_minor, fee_minor, net_minor, arrival_date)
SELECT 'po_' || n, '1', 'payouts.csv, line ' || n, md5('o' || n), 1, 'po_' || n, 'SGD', 1000, 10, 990, date '2026-06-30' - n %% 400
FROM generate_series(1, %(matches)s / 50) AS n;

INSERT INTO recon.open_invoices (run_id, invoice_id, customer_id, currency, open_minor, due_date, days_past_due, bucket)
SELECT md5('run0')::uuid, 'I' || n, 'C' || n %% 5000, (ARRAY['SGD', 'USD', 'JPY'])[1 + n %% 3], n, '2026-06-01', n %% 120,
    (ARRAY['current', '1-30', '31-60', '61-90', 'over-90'])[1 + n %% 5]
FROM generate_series(1, %(matches)s / 10) AS n;

INSERT INTO recon.control_totals (run_id, recon, side, currency, lost_count, loaded_count, quarantined_count, loaded_minor, matched_minor, open_minor, excluded_minor, proven)
SELECT md5('run0')::uuid, 'R3', side, currency, 0, 1, 0, 100, 60, 40, 0, true
FROM unnest(ARRAY['payment', 'invoice']) AS side, unnest(ARRAY['SGD', 'USD', 'JPY', 'EUR', 'GBP', 'INR', 'THB', 'KRW']) AS currency;

INSERT INTO recon.arr_reported (run_id, month, currency, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor, reactivation_minor, fx_minor, closing_minor, left_out)
SELECT md5('run0')::uuid, date '2024-07-01' + n * interval '1 month', 'SGD', 100 * n, 100, 0, 0, 0, 0, 0, 100 * n + 100, '{}'
FROM generate_series(0, 23) AS n;

INSERT INTO recon.arr_bridge (run_id, customer_id, month, currency, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor, reactivation_minor, closing_minor)
SELECT md5('run0')::uuid, 'C' || n %% 5000, date '2024-07-01' + n / 5000 * interval '1 month', 'SGD', 0, n, 0, 0, 0, 0, n
FROM generate_series(0, least(%(matches)s / 10, 119999)) AS n;

INSERT INTO ops.cursors (system, entity, position) SELECT 'salesforce', 'e' || n, '{}' FROM generate_series(1, 15) AS n;

INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, source_amounts, held_amounts, proven, complete_until)
SELECT 'salesforce', 'e' || n %% 15 + 1, '{}', 1, 1, '{}', '{}', '{}', true, 'infinity' FROM generate_series(1, 20000) AS n;

-- What people matched by hand, and runs carried out: about a tenth of the breaks, each small enough for one person.
INSERT INTO recon.control_limits (rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor) VALUES ('rules', 10000, 5000000);
INSERT INTO recon.limits_named (rules_sha256) VALUES ('rules');

INSERT INTO recon.break_proposals (break_id, proposal_no, based_on, kind, reason, maker, code, currency, amount_minor, amount_sgd_minor, rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor, checkers_needed)
SELECT break_id, 1, version, 'manual_match', 'the advice says so', 'ann', code, currency, amount_minor, amount_sgd_minor, 'rules', 10000, 5000000, 0
FROM recon.break_lives WHERE amount_sgd_minor BETWEEN 1 AND %(breaks)s / 10;

INSERT INTO recon.break_events (break_id, version, action, actor, reason, from_state, to_state, assignee, severity, code, currency, amount_minor, amount_sgd_minor, proposal_before, proposal_after, kind, checkers_needed)
SELECT break_id, version + 1, 'proposed', 'ann', 'the advice says so', 'OPEN', 'APPROVED', 'ann', severity, code, currency, amount_minor, amount_sgd_minor, 0, 1, 'manual_match', 0
FROM recon.break_lives WHERE amount_sgd_minor BETWEEN 1 AND %(breaks)s / 10;

INSERT INTO recon.pairings (break_id, proposal_no, kind, item_type, item_id, currency, break_minor, invoice_ids, amounts_minor)
SELECT break_id, 1, 'manual_match', 'payment', key, currency, amount_minor, ARRAY['I' || row_number() OVER (ORDER BY break_id)], ARRAY[amount_minor]
FROM recon.break_lives WHERE amount_sgd_minor BETWEEN 1 AND %(breaks)s / 10;

INSERT INTO recon.rulings (ruling_no, break_id, proposal_no, kind, item_type, item_id, approved_in)
SELECT row_number() OVER (ORDER BY break_id), break_id, 1, 'manual_match', 'payment', key, version + 1
FROM recon.break_lives WHERE amount_sgd_minor BETWEEN 1 AND %(breaks)s / 10;

UPDATE recon.break_lives SET state = 'APPROVED', assignee = 'ann', proposal_no = 1, version = version + 1
WHERE amount_sgd_minor BETWEEN 1 AND %(breaks)s / 10;

INSERT INTO recon.matches (run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor, residual_reason, state)
SELECT md5('run0')::uuid, 'R3-h' || left(md5(item_id), 15), 'R3', 'manual', 'payment', item_id, 'invoice', invoice_ids[1], currency, amounts_minor[1], 0, '', 'posted'
FROM recon.pairings;

SELECT setval('recon.ruling_numbers', greatest(1, (SELECT count(*) FROM recon.rulings)));

UPDATE recon.runs SET rulings_through = (SELECT count(*) FROM recon.rulings);

-- Cash that people match by hand while it is measured: payments whose breaks are open, each with an invoice that owes as much.
INSERT INTO canonical.payments (native_id, version, place, row_hash, recorded_in, id, customer_id, currency, amount_minor, paid_on, reference_tokens, reference_keys, names_a_document)
SELECT 'py_' || left(md5('p' || 20 * n), 16), '1', 'payments.csv, more ' || n, md5('h' || 20 * n), 1, 'py_' || left(md5('p' || 20 * n), 16),
    'C' || n %% 5000, 'SGD', 20 * n, '2026-06-01', '{}', '{}', false
FROM generate_series(%(breaks)s / 10 + 1, %(breaks)s / 10 + 100) AS n;

INSERT INTO canonical.invoices (native_id, version, place, row_hash, recorded_in, id, number, number_key, customer_id, issue_date, due_date, currency, gross_minor)
SELECT 'I' || 20 * n, '1', 'invoices.csv, more ' || n, md5('i' || 20 * n), 1, 'I' || 20 * n, 'INV-' || 20 * n, (20 * n)::text, 'C' || n %% 5000,
    '2026-05-01', '2026-06-01', 'SGD', 20 * n
FROM generate_series(%(breaks)s / 10 + 1, %(breaks)s / 10 + 100) AS n;

INSERT INTO recon.open_invoices (run_id, invoice_id, customer_id, currency, open_minor, due_date, days_past_due, bucket)
SELECT md5('run0')::uuid, 'I' || 20 * n, 'C' || n %% 5000, 'SGD', 20 * n, '2026-06-01', 29, '1-30'
FROM generate_series(%(breaks)s / 10 + 1, %(breaks)s / 10 + 100) AS n;

-- Payouts the bank does not show, each with a line that could be it.
INSERT INTO canonical.bank_lines (native_id, version, place, row_hash, recorded_in, id, account, value_date, currency, amount_minor)
SELECT 'bl_' || n, '1', 'lines.csv, line ' || n, md5('bl' || n), 1, 'bl_' || n, 'A', date '2026-06-30' - n %% 400, 'SGD', 990
FROM generate_series(1, %(matches)s / 50) AS n;

INSERT INTO recon.break_events (break_id, version, action, actor, reason, from_state, to_state, severity, code, currency, amount_minor, amount_sgd_minor, run_id)
SELECT md5('po' || n)::uuid, 1, 'opened', 'run', 'found', 'NEW', 'OPEN', 'S2', 'PO01', 'SGD', 990, 990, md5('run0')::uuid
FROM generate_series(1, %(matches)s / 500) AS n;

INSERT INTO recon.break_lives (break_id, recon, family, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, since_on, first_seen_run, first_seen_on, last_seen_run, last_seen_on, state, version)
SELECT md5('po' || n)::uuid, 'R4', 'po01', 'PO01', 'po_' || n, 'SGD', 990, 990, 'S2', 'Treasury', date '2026-06-30' - n %% 400, md5('run0')::uuid,
    '2026-06-30', md5('run0')::uuid, '2026-06-30', 'OPEN', 1
FROM generate_series(1, %(matches)s / 500) AS n;

INSERT INTO recon.matches (run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor, residual_reason, state)
SELECT md5('run0')::uuid, 'R4-' || left(md5('po' || n), 16), 'R4', 'P4', 'payout', 'po_' || n, 'bank_line', 'bl_' || n, 'SGD', 990, 0, '',
    CASE WHEN n <= %(matches)s / 500 THEN 'suggested' ELSE 'posted' END
FROM generate_series(1, %(matches)s / 50) AS n;

-- As received: what the pages of records show.
INSERT INTO ops.cursors (system, entity, position) VALUES ('erp', 'invoices', '{}');

INSERT INTO ops.pulls (system, entity, cursor_to, records, landed_in)
SELECT 'erp', 'invoices', '{}', 200, 1 FROM generate_series(1, greatest(1, %(matches)s / 5000)) AS n;

INSERT INTO raw.records (pull_id, system, entity, native_id, version, payload, place, damage)
SELECT 1 + n / 1000 %% greatest(1, %(matches)s / 5000), 'erp', 'invoices', 'I' || n, '1',
    jsonb_build_object('number', 'INV-' || n, 'party', 'C' || n %% 5000), 'invoices, id ' || n, ''
FROM generate_series(1, %(matches)s / 5) AS n;

-- Subscriptions are posted but for ten.
INSERT INTO recon.matches (run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor, residual_reason, state)
SELECT md5('run0')::uuid, 'R5-' || left(md5('s' || n), 16), 'R5', 'S1', 'subscription', 'sub_' || n, 'opportunity', 'opp_' || n, 'SGD', 1000, 0, '',
    CASE WHEN n <= 10 THEN 'suggested' ELSE 'posted' END
FROM generate_series(1, %(matches)s / 10) AS n;

-- Closed breaks, as many as open ones: found, and gone again.
INSERT INTO recon.break_events (break_id, version, action, actor, reason, from_state, to_state, severity, code, currency, amount_minor, amount_sgd_minor, run_id)
SELECT md5('z' || n)::uuid, 1, 'opened', 'run', 'found', 'NEW', 'OPEN', 'S' || 1 + n %% 4, 'CA01', 'SGD', n %% 99991, n %% 99991, md5('run1')::uuid
FROM generate_series(1, %(breaks)s) AS n;

INSERT INTO recon.break_events (break_id, version, action, actor, reason, from_state, to_state, severity, code, currency, amount_minor, amount_sgd_minor, run_id)
SELECT md5('z' || n)::uuid, 2, 'vanished', 'run', 'no longer found', 'OPEN', 'RESOLVED', 'S' || 1 + n %% 4, 'CA01', 'SGD', n %% 99991, n %% 99991, md5('run0')::uuid
FROM generate_series(1, %(breaks)s) AS n;

INSERT INTO recon.break_lives (break_id, recon, family, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, since_on, first_seen_run, first_seen_on, last_seen_run, last_seen_on, state, version)
SELECT md5('z' || n)::uuid, 'R3', 'cash', 'CA01', 'pz_' || left(md5('p' || n), 16), 'SGD', n %% 99991, n %% 99991, 'S' || 1 + n %% 4, 'AR',
    date '2026-06-29' - n %% 400, md5('run1')::uuid, '2026-06-29', md5('run1')::uuid, '2026-06-29', 'RESOLVED', 2
FROM generate_series(1, %(breaks)s) AS n;

-- Each day's data was checked, by as many expectations as a platform has.
INSERT INTO recon.quality_checks (run_id, checking_s, rendering_s, not_held) SELECT run_id, 20, 10, '{}' FROM recon.runs;

INSERT INTO recon.quality_results (run_id, suite, expectation, place, verdict, sentence, observed, owner)
SELECT run_id, 'suite', 'expectation ' || n, n, CASE WHEN n %% 30 = 0 THEN 'warn' ELSE 'pass' END, 'what was expected ' || n, n::text, 'AR'
FROM recon.runs CROSS JOIN generate_series(1, 150) AS n;

INSERT INTO recon.quality_pages (run_id, path, body)
SELECT md5('run0')::uuid, relation || '.html', convert_to(repeat('<p>what was expected of ' || relation || '</p>', 4000), 'UTF8')
FROM unnest(ARRAY['invoices', 'payments', 'freshness']) AS relation;

-- Fourteen compared days, the last of them with a thousand differences.
INSERT INTO parity.days (day, edition, run_id, source, ours_count, theirs_count, quarantined_count, read_count, pairs_count, doubled_count, differences_count, ours_sha256, theirs_sha256, certificate_sha256, rules_sha256, verdict_sha256)
SELECT date '2026-06-30' - n, 1, md5('run0')::uuid, 'legacy', 5000, 5000, 0, 5000, 5000, 0, CASE WHEN n = 0 THEN 1000 ELSE 1 END, 'o', 't', 'c', 'r', 'v' || n
FROM generate_series(0, 13) AS n;

INSERT INTO parity.reruns (day, edition, same) SELECT day, edition, true FROM parity.days;

INSERT INTO parity.kinds SELECT day, 1, kind, 1000, 1000, 1000
FROM parity.days CROSS JOIN unnest(ARRAY['orders', 'invoices', 'statuses', 'arr', 'matches']) AS kind;

INSERT INTO parity.differences (day, edition, kind, key, seq, field, ours, theirs, currency, ours_minor, theirs_minor, class, cause, evidence)
SELECT day, 1, 'invoices', 'INV-' || n, 1, 'amount', '100', '101', 'SGD', 100, 101, 'rounding', 'minor_unit', '{"off": 1}'
FROM parity.days CROSS JOIN LATERAL generate_series(1, differences_count) AS n;

-- Alerts that last, and many that ended.
INSERT INTO ops.beats (flow, first_at, beat_at) VALUES ('watch', now(), now());

INSERT INTO ops.alerts (kind, about, severity, since, newest_at, count, amounts, ids, dag_id, dag_run, detail, raised_at, seen_at, over_at, mended)
SELECT 'breaks_late', 'CA' || n, 'S' || 1 + n %% 3, now(), NULL, n, '{"SGD": 100}', '{}', 'tie_out', '', '{"name": "a break"}', now(), now(),
    CASE WHEN n > 30 THEN now() END, CASE WHEN n > 30 THEN true END
FROM generate_series(1, 2000) AS n;

INSERT INTO recon.editions (run_id, edition, as_of, subject, html, plain)
SELECT md5('run0')::uuid, edition, '2026-06-30', 'the ' || edition, repeat('<p>the ' || edition || ' edition</p>', 2000), 'the edition'
FROM unnest(ARRAY['restated', 'weekly', 'month_end']) AS edition;

INSERT INTO recon.reports (run_id, as_of, subject, html, plain, recipients)
VALUES (md5('run0')::uuid, '2026-06-30', '2026-06-30 ties', '<p>the report</p>', 'the report', '{}');

INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, reason, finished_at, decided_at)
SELECT md5('k' || n), 'order', 'erp', 'deals/' || n, '{}', 'x', false,
    CASE WHEN n %% 100 = 0 THEN 'parked' WHEN n %% 100 = 1 THEN 'queued' WHEN n %% 100 < 60 THEN 'confirmed' ELSE 'superseded' END,
    CASE WHEN n %% 100 = 0 THEN 'TARGET_REJECTED' END, CASE WHEN n %% 100 <> 1 THEN now() END, now() - interval '3 seconds'
FROM generate_series(1, %(matches)s / 10) AS n;

-- The day after was refused for many sources, and many messages are asked for.
INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state)
VALUES (md5('stopped')::uuid, '2026-07-01', 1, 0, 'rules', 'code', 'refused');

INSERT INTO recon.breaks (run_id, break_id, recon, code, key, severity, age_days, owner, action, evidence)
SELECT md5('stopped')::uuid, md5('stop' || n)::uuid, 'all', 'DQ02', 'erp part ' || n, 'S1', 0, 'Data', 'read it', 'it is incomplete'
FROM generate_series(1, 200) AS n;

INSERT INTO delivery.replays (messages, actor, reason, lapses_at)
SELECT array_agg(message_id), 'ann', 'the rule was relaxed', ops.clock() + interval '72 hours'
FROM (SELECT message_id, ntile(50) OVER (ORDER BY message_id DESC) AS part FROM delivery.outbox WHERE state = 'parked') AS held
GROUP BY part;

ANALYZE;
