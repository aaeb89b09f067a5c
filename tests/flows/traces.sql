-- What every fact that is told leaves behind, with somebody's name wherever one might get in; each by what it is told as.

-- trace: run_refused tie_out
INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state,
    computed_at) VALUES (gen_random_uuid(), '2026-04-01', 0, 0, 'r', 'c', 'refused', ops.clock() + '1 hour');
INSERT INTO recon.proofs (run_id, proof, recon, side, currency, measure, expected, found, wrong_items,
    example) SELECT run_id, 'decided', 'R3', 'payment', 'SGD', 'minor', 100, 350, 1, 'Jane Doe' FROM
    recon.runs WHERE state = 'refused';

-- trace: quality_blocks tie_out
INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state,
    computed_at) VALUES ('00000000-0000-0000-0000-000000000002', '2026-03-01', 0, 0, 'r', 'c', 'refused', ops.clock() - interval '9 hours');
INSERT INTO recon.quality_checks (run_id, checking_s, rendering_s, not_held) VALUES
    ('00000000-0000-0000-0000-000000000002', 1, 1, '{}');
INSERT INTO recon.quality_results (run_id, suite, expectation, place, verdict, sentence, observed, owner) VALUES
    ('00000000-0000-0000-0000-000000000002', 's', 'e', 1, 'fail', 'Jane Doe', 'Jane Doe', 'AR');

-- trace: rollback_due control_totals
INSERT INTO ops.switches (flow, token, writer, act, actor, reason, emergency) VALUES
    ('subscriptions', 2, 'ours', 'go', 'jane', 'Jane Doe says so', true);
UPDATE ops.writers SET token = 2, since = ops.clock() WHERE flow = 'subscriptions';
INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state,
    computed_at) SELECT gen_random_uuid(), day, 0, 0, 'r', 'c', 'refused', ops.clock() + '10 minutes'
    FROM unnest('{2026-04-02,2026-04-03}'::date[]) AS day;
INSERT INTO recon.breaks (run_id, break_id, recon, code, key, severity, age_days, owner, action, evidence)
    SELECT run_id, gen_random_uuid(), 'all', 'DQ06', 'Jane Doe', 'S1', 0, 'o', 'a', 'Jane Doe' FROM recon.runs
    WHERE as_of IN ('2026-04-02', '2026-04-03');

-- trace: source_unproven erp
INSERT INTO ops.cursors (system, entity, position) VALUES ('erp', 'invoices', '{}');
INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, source_amounts,
    held_amounts, proven, complete_until, checked_at) VALUES ('erp', 'invoices', '{}', 2, 1, '{Jane}',
    '{"SGD": "250", "JPY": "70"}', '{"SGD": "100.5", "JPY": "70"}', false, now(), ops.clock() - interval '3 hours');

-- trace: fields_vanished salesforce
INSERT INTO ops.shapes (system, entity, fields, vanished, added, retyped) VALUES ('salesforce', 'accounts',
    '{}', '{Name}', '{}', '{}');

-- trace: token_lost salesforce
INSERT INTO vault.tokens (system, flow, login_sha256, asked_by, asking_since) VALUES
    ('salesforce', 'refresh token', 'l', 'Jane Doe', ops.clock());
UPDATE vault.tokens SET asking_since = NULL, stopped_at = ops.clock(), stopped_why = 'refused', needs_person = true,
    stopped_dag = ops.our_dag(), stopped_run = ops.our_run();

-- trace: rows_repaired payments
INSERT INTO ops.sweeps (system, entity, listed_count, gone_count, repaired_count, refreshed_count) VALUES
    ('payments', 'payments', 9, 0, 2, 0);

-- trace: quarantine_growing payments
WITH b AS (INSERT INTO ops.batches DEFAULT VALUES RETURNING batch) INSERT INTO canonical.quarantine (system,
    entity, native_id, version, place, currency, amount_minor, failures, quarantined_in) SELECT 'payments',
    'payments', 'Jane Doe ' || n, '1', 'Jane.csv:1', 'SGD', 100, '[{"value": "Jane Doe"}]', batch FROM b,
    generate_series(1, 12) AS n;

-- trace: messages_parked TARGET_REJECTED
INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, reason,
    detail, finished_at) VALUES ('k1', 'order', 'erp', 'payments/P', '{"name": "Jane Doe"}', 's', false,
    'parked', 'TARGET_REJECTED', 'Jane Doe +65 123', ops.clock());

-- trace: replay_waiting delivery
WITH held AS (INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, reason,
    decided_at, finished_at) VALUES ('k9', 'task', 'salesforce', 'tasks/unknown too', '{}', 's', false, 'parked',
    'HELD_BACK', ops.clock() - interval '9 hours', ops.clock() - interval '9 hours') RETURNING message_id)
INSERT INTO delivery.replays (messages, actor, reason, asked_at, lapses_at) SELECT ARRAY[message_id], 'jane@example.com',
    'Jane Doe asked', ops.clock() - interval '5 hours', ops.clock() + interval '67 hours' FROM held;

-- trace: messages_uncertain erp
INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state,
    first_called_at, decided_at) VALUES ('k2', 'order', 'erp', 'payments/Q', '{}', 's', false, 'uncertain',
    ops.clock() - interval '3 hours', ops.clock() - interval '3 hours');

-- trace: messages_waiting salesforce
INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, decided_at) VALUES
    ('k3', 'task', 'salesforce', 'tasks/unknown', '{}', 's', false, ops.clock() - interval '3 hours');

-- trace: hints_waiting payments
INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind, received_at) VALUES
    ('payments', 'evt_1', 'payments', 'ch_1', 'charge.succeeded', ops.clock() - interval '3 hours');

-- trace: hints_dead payments
INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind, state, finished_at, reason) VALUES
    ('payments', 'evt_2', 'payments', 'ch_2', 'charge.succeeded', 'dead', ops.clock(), 'ch_2: name Jane Doe');

-- trace: key_conflict delivery
INSERT INTO delivery.key_conflicts (key, body, body_sha256) VALUES ('k1', '{"n": "Jane"}', 't');

-- trace: api_budget_low salesforce
INSERT INTO ops.api_budgets VALUES ('salesforce', 80, 100, ops.clock());

-- trace: mail_failed daily
INSERT INTO recon.mailings (run_id, edition, recipient, address, scope, locale, subject, html, plain, told_of, state)
    SELECT run_id, 'daily', 'jane@example.com', 'jane@example.com', '{}', 'en_SG', 's', 'h', 'p', as_of, 'refused'
    FROM recon.runs WHERE state = 'published' LIMIT 1;

-- trace: webhook_refused payments
INSERT INTO ops.hearing VALUES ('payments', NULL, ops.clock() - interval '3 hours', 7, NULL, 0);

-- trace: webhook_unfed other
INSERT INTO ops.hearing VALUES ('other', ops.clock() - interval '3 hours', NULL, 0, ops.clock() - interval '3 hours', 7);

-- trace: channel_failing mail
INSERT INTO ops.alert_channels (channel, failures, failing_since, next_at, detail) VALUES ('mail', 3, ops.clock(),
    'infinity', 'jane@example.com is refused');

-- trace: flow_failed extract_erp
INSERT INTO ops.task_failures (dag_id, task_id, run, map_index, run_at, failed_at, error) VALUES ('extract_erp',
    'pull', 'scheduled__2026', -1, ops.clock(), ops.clock(), 'Away');

-- trace: every watched flow has worked
INSERT INTO delivery.lanes (began_at) VALUES (ops.clock());
INSERT INTO ops.task_ends (dag_id, task_id, succeeded_at)
    SELECT dag, CASE dag WHEN 'remove_old' THEN 'rows' ELSE 'all' END, ops.clock()
    FROM unnest('{collect,approve_breaks,sign_parity,keep_audit,remove_old}'::text[]) AS dag;
INSERT INTO ops.sweeps (system, entity, listed_count, gone_count, repaired_count, refreshed_count) VALUES
    ('erp', 'customers', 1, 0, 0, 0);
INSERT INTO ops.cursors (system, entity, position) SELECT system, 'watched', '{}' FROM
    unnest('{salesforce,erp,payments,bank,fx}'::text[]) AS system;
INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, source_amounts,
    held_amounts, proven, complete_until, checked_at) SELECT system, 'watched', '{}', 1, 1, '{}', '{}', '{}',
    true, now(), ops.clock() FROM unnest('{salesforce,erp,payments,bank,fx}'::text[]) AS system;
INSERT INTO parity.days (day, edition, run_id, source, ours_count, theirs_count, quarantined_count, read_count,
    pairs_count, doubled_count, differences_count, ours_sha256, theirs_sha256, certificate_sha256, rules_sha256,
    verdict_sha256, compared_at) SELECT as_of, 1, run_id, 'a folder', 0, 0, 0, 0, 0, 0, 0, '', '', '', '', '', ops.clock()
    FROM recon.runs WHERE state = 'published' LIMIT 1;

-- trace: all is well
INSERT INTO delivery.lanes (began_at) VALUES (ops.clock() + interval '300 days');
INSERT INTO ops.task_ends (dag_id, task_id, succeeded_at) VALUES
('collect', 'decide', ops.clock() + '300 days'),
('approve_breaks', 'questions', ops.clock() + '300 days');
INSERT INTO ops.sweeps (system, entity, listed_count, gone_count, repaired_count, refreshed_count, swept_at)
    VALUES ('erp', 'customers', 1, 0, 0, 0, ops.clock() + interval '300 days');
INSERT INTO ops.cursors (system, entity, position) SELECT system, 'watched', '{}' FROM
    unnest('{salesforce,erp,payments}'::text[]) AS system;
INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, source_amounts,
    held_amounts, proven, complete_until, checked_at) SELECT system, 'watched', '{}', 1, 1, '{}', '{}', '{}',
    true, now(), ops.clock() + interval '300 days' FROM unnest('{salesforce,erp,payments}'::text[]) AS system;
INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state) VALUES
    ('00000000-0000-0000-0000-000000000001', current_date + 300, 0, 0, 'r', 'c', 'published') ON CONFLICT
    (run_id) DO UPDATE SET state = 'published';
