-- Who writes each flow, and handing that over.

-- name: messages_that_may_leave
-- Those whose flow still has the token under which they were taken, and ours writing. A kind of no flow may always leave.
-- `held`: whoever took it still has it, and nobody else may take it yet.
SELECT asked.key, asked.fence IS NULL OR EXISTS (
    SELECT FROM delivery.outbox AS message
    WHERE message.key = asked.key AND message.fence = asked.fence AND message.state = 'called'
        AND message.leased_until > ops.clock()
) AS held
FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(tokens)s::bigint[], %(fences)s::bigint[])
    AS asked (key, kind, token, fence)
LEFT JOIN ops.flow_kinds USING (kind) LEFT JOIN ops.writers USING (flow)
WHERE flow IS NULL OR (writer = 'ours' AND writers.token = asked.token);

-- name: writers
-- Each flow as it is: who writes, since when, under which token, and what waits.
SELECT flow, says, writer, token, nullif(since, '-infinity') AS since, newest.act, newest.actor_id AS actor,
    newest.emergency, newest.reason, coalesce(held.queued, 0) AS queued, coalesce(held.called, 0) AS called,
    coalesce(held.uncertain, 0) AS uncertain, coalesce(held.parked, 0) AS parked,
    newest.act = 'go' AND writer = 'ours' AS cut_over
FROM ops.flows JOIN ops.writers USING (flow) JOIN ops.switches AS newest USING (flow, token, writer)
LEFT JOIN (
    SELECT flow, count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'called') AS called,
        count(*) FILTER (WHERE state = 'uncertain') AS uncertain, count(*) FILTER (WHERE state = 'parked') AS parked
    FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
    WHERE finished_at IS NULL OR outbox.reason IS NOT NULL GROUP BY flow
) AS held USING (flow)
WHERE %(flow)s::text IS NULL OR flow = %(flow)s
ORDER BY flow;

-- name: waiting_by_kind
-- What a flow has decided and not sent, by system, kind and state.
SELECT target, kind, state, count(*) AS messages, min(decided_at) AS oldest
FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
WHERE flow = %(flow)s AND finished_at IS NULL GROUP BY target, kind, state ORDER BY target, kind, state;

-- name: lock_writers
-- In one order whoever asks.
SELECT flow FROM ops.writers WHERE flow = ANY (%(flows)s::text[]) ORDER BY flow FOR UPDATE;

-- name: locked_writers
-- As they are once they are locked, which a statement that had to wait for that does not see of other tables. `act`: what
-- made it so.
SELECT flow, writer, token, act FROM ops.writers JOIN ops.switches USING (flow, token, writer)
WHERE flow = ANY (%(flows)s::text[]) ORDER BY flow;

-- name: never_switched
-- Flows that no person has switched.
SELECT flow, writer, token FROM ops.writers
WHERE NOT EXISTS (
    SELECT FROM ops.switches WHERE switches.flow = writers.flow AND act IN ('go', 'back')
) ORDER BY flow;

-- name: note_environment
INSERT INTO ops.runs_as (environment) VALUES (%(environment)s)
ON CONFLICT (one) DO UPDATE SET environment = EXCLUDED.environment, since = EXCLUDED.since
WHERE runs_as.environment <> EXCLUDED.environment;

-- name: keep_switch
INSERT INTO ops.switches (flow, token, writer, act, actor, reason, emergency, evidence, waiting, uncertain)
SELECT %(flow)s, %(token)s, %(writer)s, %(act)s, %(actor)s, %(reason)s, %(emergency)s, %(evidence)s,
    count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state IN ('called', 'uncertain'))
FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
WHERE flow = %(flow)s AND finished_at IS NULL;

-- name: set_writer
UPDATE ops.writers SET writer = %(writer)s, token = %(token)s, since = ops.clock() WHERE flow = %(flow)s;

-- name: calls_under_way
SELECT count(*) AS messages FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
WHERE flow = ANY (%(flows)s::text[]) AND finished_at IS NULL AND state = 'called';

-- name: still_to_go
SELECT count(*) AS messages FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
WHERE flow = ANY (%(flows)s::text[]) AND finished_at IS NULL AND (state <> 'queued' OR next_at <= ops.clock());

-- name: give_up_calls
-- Whoever made them has not come back: they may have happened, and whoever says so later is late.
UPDATE delivery.outbox AS message SET state = 'uncertain', fence = fence + 1, next_at = ops.clock()
FROM ops.flow_kinds
WHERE flow_kinds.kind = message.kind AND flow = %(flow)s AND finished_at IS NULL AND state = 'called';

-- name: rest_elsewhere
-- What another path writes is not looked at time and again.
UPDATE delivery.outbox SET next_at = 'infinity'
WHERE finished_at IS NULL AND state = 'queued' AND next_at < 'infinity'
    AND kind IN (SELECT kind FROM ops.flow_kinds JOIN ops.writers USING (flow) WHERE writer <> 'ours');

-- name: wake_ours
UPDATE delivery.outbox SET next_at = (SELECT ops.clock())
WHERE finished_at IS NULL AND state = 'queued' AND next_at = 'infinity'
    AND kind NOT IN (SELECT kind FROM ops.flow_kinds JOIN ops.writers USING (flow) WHERE writer <> 'ours');

-- name: shadow_messages
-- What a flow decided that was never called.
SELECT message_id FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
WHERE flow = %(flow)s AND finished_at IS NULL AND state = 'queued' AND first_called_at IS NULL ORDER BY message_id;

-- name: said_last
-- What was said last about each subject, where it arrived: how something was when ours wrote before.
SELECT target, kind, subject, body, said
FROM (
    SELECT DISTINCT ON (target, subject, kind) target, kind, subject, body, state, newest_only,
        count(*) OVER (PARTITION BY target, subject, kind) AS said
    FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
    WHERE flow = ANY (%(flows)s::text[]) ORDER BY target, subject, kind, message_id DESC
) AS last
WHERE state = 'confirmed' AND newest_only ORDER BY target, subject, kind;

-- name: switches_of
SELECT switch_id, flow, token, writer, act, actor_id AS actor, reason, emergency, evidence, waiting, uncertain, switched_at
FROM ops.switches WHERE %(flow)s::text IS NULL OR flow = %(flow)s ORDER BY switch_id DESC LIMIT %(limit)s;

-- name: written_since
-- What a flow caused since it was last given to ours, for whoever takes it back.
SELECT target, kind, count(*) AS messages FROM delivery.outbox JOIN ops.flow_kinds USING (kind)
JOIN (
    SELECT flow, max(switched_at) AS since FROM ops.switches WHERE writer = 'ours' AND act = 'go' GROUP BY flow
) AS gone USING (flow)
WHERE flow = %(flow)s AND state = 'confirmed' AND finished_at >= gone.since GROUP BY target, kind ORDER BY target, kind;

-- name: parity_signed
-- The sign-off that stands: what makes going more than an emergency, as long as nothing since speaks against it.
SELECT signed_at, signers, pack_sha256 FROM ops.parity_signed();

-- name: signed_by
-- The last day of a pack, and by which rules and code the days that had to be green were tied out, compared and judged.
SELECT last_day, array_agg(DISTINCT told.rules_sha256) AS rules, array_agg(DISTINCT told.code_sha256) AS codes
FROM parity.windows JOIN parity.window_days USING (window_no) JOIN parity.days AS compared USING (day, edition)
JOIN recon.runs AS run USING (run_id)
CROSS JOIN LATERAL (
    VALUES (compared.rules_sha256, compared.code_sha256), (run.rules_sha256, run.code_sha256),
        (windows.rules_sha256, run.code_sha256)
) AS told (rules_sha256, code_sha256)
WHERE content_sha256 = %(pack)s AND judged GROUP BY last_day;

-- name: went_back
-- When anybody had to go back last, and until which day anything was signed before that.
SELECT nullif(ops.went_back(), '-infinity') AS at, ops.signed_before_going_back() AS signed;

-- name: fact_rollback_due
-- What calls for going back at once, as long as a flow is ours by a switch: each trigger once.
WITH cut AS (
    SELECT min(since) AS since, string_agg(flow, ', ' ORDER BY flow) AS flows
    FROM ops.writers JOIN ops.switches USING (flow, token, writer) WHERE writer = 'ours' AND act = 'go'
),
doubled AS (
    SELECT break_id, opened_at FROM recon.break_lives, cut WHERE code = 'OR06' AND is_open AND opened_at >= cut.since
),
unexplained AS (
    SELECT break_id, opened_at, currency, amount_minor, value_rank FROM recon.break_lives, cut
    WHERE is_open AND state IN ('OPEN', 'ASSIGNED') AND severity IN ('S1', 'S2') AND recon IN ('R2', 'R3', 'R4')
        AND currency IS NOT NULL AND amount_minor <> 0 AND opened_at >= cut.since
        AND opened_at <= %(now)s - make_interval(mins => %(rollback_money_minutes)s)
),
money AS (
    SELECT jsonb_object_agg(currency, minor) AS amounts FROM (
        SELECT currency, sum(abs(amount_minor)) AS minor FROM unexplained GROUP BY currency
    ) AS sums
),
failed AS (
    SELECT DISTINCT run_id, computed_at FROM recon.runs JOIN recon.breaks USING (run_id), cut
    WHERE code = 'DQ06' AND computed_at >= cut.since
),
due AS (
    SELECT 'duplicate_invoice' AS about, min(opened_at) AS since, count(*) AS count, '{}'::jsonb AS amounts,
        (array_agg(break_id::text ORDER BY opened_at, break_id))[1:%(shown_max)s] AS ids,
        'orders or invoices that are there twice' AS what
    FROM doubled
    UNION ALL
    SELECT 'money_difference', min(opened_at), count(*), coalesce((SELECT amounts FROM money), '{}'),
        (array_agg(break_id::text ORDER BY value_rank, break_id))[1:%(shown_max)s],
        'differences in money that nobody has explained in time'
    FROM unexplained
    UNION ALL
    SELECT 'control_totals', max(computed_at), count(*), '{}', '{}', 'runs whose control totals failed (DQ06)'
    FROM failed HAVING count(*) >= %(rollback_runs)s
    UNION ALL
    SELECT found.about, found.since, found.count, '{}', '{}', found.what
    -- From the entity's day of the switch on, which may have begun when it was still the day before elsewhere.
    FROM cut CROSS JOIN ops.parity_triggers(
        date_trunc('day', cut.since AT TIME ZONE %(zone)s) AT TIME ZONE current_setting('TimeZone'), %(now)s,
        %(rollback_coverage_percent)s, %(rollback_money_minutes)s
    ) AS found
)
SELECT due.about, due.since, due.count, due.amounts, due.ids, 'fast_lane' AS dag_id,
    jsonb_build_object('what', due.what, 'flows', cut.flows) AS detail
FROM due, cut WHERE due.count > 0 AND cut.since IS NOT NULL;

-- name: wake_flows
UPDATE delivery.outbox SET next_at = (SELECT ops.clock())
WHERE finished_at IS NULL AND state = 'queued' AND next_at > (SELECT ops.clock())
    AND kind IN (SELECT kind FROM ops.flow_kinds WHERE flow = ANY (%(flows)s::text[]));
