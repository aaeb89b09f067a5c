-- What somebody must be told, fact by fact. Every query of a fact gives the same columns as far as it knows them: what it is
-- about, since when it is true, of how many, for how much money per currency, the largest few by our own ids.

-- name: alert_clock
SELECT ops.clock() AS now;

-- name: beat
INSERT INTO ops.beats (flow, first_at, beat_at) VALUES (%(flow)s, %(now)s, %(now)s)
ON CONFLICT (flow) DO UPDATE SET beat_at = excluded.beat_at;

-- name: beat_of
SELECT flow, first_at, beat_at, extract(epoch FROM ops.clock() - beat_at)::bigint AS age_s
FROM ops.beats WHERE flow = %(flow)s;

-- name: places_seen
-- Of flows whose place was ever seen: since when, and whether who looked last saw it.
SELECT seen.flow, seen.first_at AS since, seen.beat_at >= looked.beat_at AS stands
FROM ops.beats AS seen JOIN ops.beats AS looked ON looked.flow = 'watch'
WHERE seen.flow = ANY (%(flows)s);

-- name: task_succeeded
-- It ends its own failure, and those of earlier runs; neither another instance's of the same run, nor a later run's.
WITH mended AS (
    DELETE FROM ops.task_failures
    WHERE dag_id = %(dag_id)s AND task_id = %(task_id)s
        AND ((run, map_index) = (%(run)s, %(map)s) OR run <> %(run)s AND run_at <= %(run_at)s)
)
INSERT INTO ops.task_ends (dag_id, task_id, succeeded_at) VALUES (%(dag_id)s, %(task_id)s, ops.clock())
ON CONFLICT (dag_id, task_id) DO UPDATE SET succeeded_at = excluded.succeeded_at;

-- name: task_failed
INSERT INTO ops.task_failures (dag_id, task_id, run, map_index, run_at, failed_at, error)
VALUES (%(dag_id)s, %(task_id)s, %(run)s, %(map)s, %(run_at)s, ops.clock(), %(error)s)
ON CONFLICT (dag_id, task_id, run, map_index) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error;

-- name: flow_evidence
-- When each flow last did its work, by what the work itself leaves behind. One whose work may leave nothing says that it ended.
SELECT 'extract_' || newest.system AS flow, max(newest.checked_at) AS last_at
FROM ops.cursors
CROSS JOIN LATERAL (
    SELECT proofs.system, checked_at FROM ops.proofs
    WHERE proofs.system = cursors.system AND proofs.entity = cursors.entity ORDER BY proof_id DESC LIMIT 1
) AS newest
GROUP BY newest.system
UNION ALL
SELECT 'sweep_money', max(swept_at) FROM ops.sweeps
UNION ALL
SELECT 'sweep_sources', max(swept_at) FROM ops.sweeps WHERE entity <> ALL (%(money)s)
UNION ALL
SELECT 'fast_lane', (SELECT began_at FROM delivery.lanes ORDER BY lane_id DESC LIMIT 1)
UNION ALL
SELECT 'compare_parity', (
    -- What is signed needs comparing no more.
    SELECT max(compared_at) FROM parity.days
    WHERE NOT EXISTS (SELECT FROM parity.sign_offs GROUP BY window_no HAVING count(*) = 3)
)
UNION ALL
SELECT dag_id, max(succeeded_at) FROM ops.task_ends
WHERE dag_id = ANY (%(by_their_word)s) AND (dag_id <> 'remove_old' OR task_id = 'rows')  -- what is its own may go well all the same
GROUP BY dag_id;

-- name: money_of_days
-- What was paid on these days, by currency.
SELECT currency, sum(abs(amount_minor)) AS minor FROM canonical.payments
WHERE superseded_in IS NULL AND paid_on = ANY (%(days)s::date[]) GROUP BY currency;

-- name: published_lately
-- The newest and the first of them, and those in between that are missing among the last days.
WITH days AS (SELECT min(as_of) AS first_on, max(as_of) AS last_on FROM recon.runs WHERE state = 'published')
SELECT last_on, array(
    SELECT day::date FROM days CROSS JOIN LATERAL generate_series(
        greatest(first_on, last_on - %(recent_days)s::integer), last_on, interval '1 day'
    ) AS day
    WHERE NOT EXISTS (SELECT FROM recon.runs WHERE state = 'published' AND as_of = day::date) ORDER BY day
) AS missing
FROM days;

-- name: fact_flow_failed
-- Tasks that ended in failure and have not succeeded since; one alert a DAG.
SELECT dag_id AS about, min(failed_at) AS since, count(*) AS count, dag_id,
    (array_agg(run ORDER BY failed_at DESC))[1] AS dag_run,
    jsonb_build_object(
        'tasks', string_agg(DISTINCT task_id, ', '), 'error', (array_agg(error ORDER BY failed_at DESC))[1]
    ) AS detail
FROM ops.task_failures GROUP BY dag_id;

-- name: run_of_day
-- Airflow's run that began with a day last; empty where none has.
SELECT coalesce((
    SELECT dag_run FROM ops.day_runs WHERE as_of = %(as_of)s ORDER BY began_at DESC, dag_run LIMIT 1
), '') AS dag_run;

-- name: note_day_run
INSERT INTO ops.day_runs (as_of, dag_run) VALUES (%(as_of)s, %(dag_run)s) ON CONFLICT DO NOTHING;

-- name: fact_run_refused
-- Of a day the newest run counts, whenever others were computed: refused, and not for the quality of its data alone. Days
-- are published in their order, so that the run named is the first one's.
WITH newest AS (
    SELECT run_id, as_of, state, computed_at FROM recon.newest_runs ORDER BY as_of DESC LIMIT %(recent_days)s
),
refused AS (
    SELECT run_id, as_of, computed_at FROM newest
    WHERE state = 'refused' AND (
        EXISTS (SELECT FROM recon.proofs WHERE proofs.run_id = newest.run_id AND NOT holds)
        OR NOT EXISTS (
            SELECT FROM recon.quality_results AS met WHERE met.run_id = newest.run_id AND verdict = 'fail'
        )
    )
),
failing AS (SELECT currency, measure, difference FROM recon.proofs JOIN refused USING (run_id) WHERE NOT holds),
counted AS (
    SELECT (SELECT count(*) FROM failing) AS failing,
        (SELECT count(*) FROM recon.breaks JOIN refused USING (run_id) WHERE code = 'DQ02') AS incomplete
)
SELECT 'tie_out' AS about, min(computed_at) AS since, 'tie_out' AS dag_id,
    (SELECT dag_run FROM ops.day_runs JOIN refused USING (as_of) ORDER BY as_of, began_at DESC LIMIT 1) AS dag_run,
    (SELECT failing + incomplete FROM counted) AS count,
    (
        SELECT (array_agg(break_id::text ORDER BY as_of, code, key))[1:%(shown_max)s]
        FROM recon.breaks JOIN refused USING (run_id) WHERE code IN ('DQ02', 'DQ06')
    ) AS ids,
    (
        SELECT coalesce(jsonb_object_agg(currency, minor), '{}') FROM (
            SELECT currency, sum(abs(difference)) AS minor FROM failing
            WHERE measure = 'minor' AND currency IS NOT NULL GROUP BY currency
        ) AS money
    ) AS amounts,
    jsonb_build_object('day', string_agg(as_of::text, ', ' ORDER BY as_of), 'why', (
        SELECT coalesce(nullif(concat_ws(
            '; ', CASE failing WHEN 0 THEN NULL WHEN 1 THEN '1 proof does not hold' ELSE failing || ' proofs do not hold' END,
            CASE incomplete WHEN 0 THEN NULL WHEN 1 THEN '1 source is incomplete (DQ02)'
                ELSE incomplete || ' sources are incomplete (DQ02)' END
        ), ''), 'its task publish says why') FROM counted
    )) AS detail
FROM refused HAVING count(*) > 0;

-- name: fact_quality_blocks
SELECT 'tie_out' AS about, min(checked_at) AS since, count(*) AS count, 'tie_out' AS dag_id,
    (SELECT dag_run FROM ops.day_runs WHERE as_of = min(newest.as_of) ORDER BY began_at DESC LIMIT 1) AS dag_run,
    (
        SELECT jsonb_object_agg(currency, minor) FROM (
            SELECT currency, sum(abs(amount_minor)) AS minor FROM canonical.payments
            WHERE superseded_in IS NULL AND paid_on = ANY (array_agg(newest.as_of)) GROUP BY currency
        ) AS paid
    ) AS amounts,
    jsonb_build_object(
        'day', string_agg(DISTINCT as_of::text, ', '), 'owners', string_agg(DISTINCT owner, ', ')
    ) AS detail
FROM (SELECT run_id, as_of, state FROM recon.newest_runs ORDER BY as_of DESC LIMIT %(recent_days)s) AS newest
JOIN recon.quality_results USING (run_id) JOIN recon.quality_checks USING (run_id)
WHERE verdict = 'fail' AND state <> 'published'
HAVING count(*) > 0;

-- name: fact_source_unproven
-- What a source says it holds is not what arrived, for longer than it takes to read it once more. `gaps`: what it says it
-- holds and what arrived, by currency, in major units.
SELECT cursors.system AS about, min(unproven.since) AS since, count(*) AS count,
    coalesce(nullif((array_agg(newest.dag_id ORDER BY newest.proof_id DESC))[1], ''), 'extract_' || cursors.system) AS dag_id,
    (array_agg(newest.dag_run ORDER BY newest.proof_id DESC))[1] AS dag_run,
    jsonb_agg(jsonb_build_array(newest.source_amounts, newest.held_amounts)) AS gaps,
    jsonb_build_object('entities', string_agg(cursors.entity, ', ' ORDER BY cursors.entity)) AS detail
FROM ops.cursors
CROSS JOIN LATERAL (
    SELECT proof_id, proven, source_amounts, held_amounts, dag_id, dag_run FROM ops.proofs
    WHERE proofs.system = cursors.system AND proofs.entity = cursors.entity ORDER BY proof_id DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT min(checked_at) AS since FROM ops.proofs
    WHERE proofs.system = cursors.system AND proofs.entity = cursors.entity AND proof_id > coalesce((
        SELECT proof_id FROM ops.proofs AS held
        WHERE held.system = cursors.system AND held.entity = cursors.entity AND held.proven ORDER BY proof_id DESC LIMIT 1
    ), 0)
) AS unproven
WHERE NOT newest.proven AND unproven.since <= %(now)s - make_interval(mins => %(unproven_minutes)s)
GROUP BY cursors.system;

-- name: fact_token_lost
-- Until a token comes: by itself, once what keeps it away is mended, or by a person's sign-in.
SELECT system AS about, stopped_at AS since, 1::bigint AS count, stopped_dag AS dag_id, stopped_run AS dag_run,
    jsonb_build_object('why', stopped_why) AS detail
FROM vault.token_states WHERE stopped_at IS NOT NULL;

-- name: fact_fields_vanished
SELECT newest.system AS about, min(seen_at) AS since, sum(cardinality(vanished))::bigint AS count,
    coalesce(nullif((array_agg(newest.dag_id ORDER BY shape_id DESC))[1], ''), 'extract_' || newest.system) AS dag_id,
    (array_agg(newest.dag_run ORDER BY shape_id DESC))[1] AS dag_run,
    jsonb_build_object('entities', string_agg(newest.entity, ', ' ORDER BY newest.entity)) AS detail
FROM (
    SELECT DISTINCT ON (system, entity) system, entity, vanished, seen_at, shape_id, dag_id, dag_run FROM ops.shapes
    ORDER BY system, entity, shape_id DESC
) AS newest
WHERE cardinality(vanished) > 0 GROUP BY newest.system;

-- name: fact_rows_repaired
-- For a day, and then until a sweep of the same has found nothing. The run is that of the newest of these sweeps.
SELECT system AS about, min(swept_at) AS since, sum(repaired_count)::bigint AS count,
    coalesce(
        nullif((array_agg(dag_id ORDER BY sweep_id DESC))[1], ''),
        CASE WHEN (array_agg(entity ORDER BY sweep_id DESC))[1] = ANY (%(money)s) THEN 'sweep_money' ELSE 'sweep_sources' END
    ) AS dag_id,
    (array_agg(dag_run ORDER BY sweep_id DESC))[1] AS dag_run,
    jsonb_build_object('entities', string_agg(DISTINCT entity, ', ')) AS detail
FROM ops.sweeps AS repairing
WHERE repaired_count > 0 AND (
    swept_at > %(now)s - interval '1 day' OR NOT EXISTS (
        SELECT FROM ops.sweeps AS later
        WHERE later.system = repairing.system AND later.entity = repairing.entity AND later.swept_at > repairing.swept_at
            AND later.repaired_count = 0
    )
) GROUP BY system;

-- name: fact_quarantine_growing
-- Rows of the last day that nobody has mended; of what is told already, those since it began.
WITH told AS (SELECT about, since FROM ops.alerts WHERE kind = 'quarantine_growing' AND over_at IS NULL),
fresh AS (
    SELECT system, entity, currency, amount_minor, recorded_at, batch, dag_id, dag_run
    FROM canonical.quarantine JOIN ops.batches ON batch = quarantined_in LEFT JOIN told ON told.about = system
    WHERE released_in IS NULL AND (recorded_at > %(now)s - interval '1 day' OR recorded_at >= told.since)
),
money AS (
    SELECT system, jsonb_object_agg(currency, minor) AS amounts FROM (
        SELECT system, currency, sum(abs(amount_minor)) AS minor FROM fresh
        WHERE currency IS NOT NULL AND amount_minor IS NOT NULL GROUP BY system, currency
    ) AS sums GROUP BY system
)
SELECT system AS about, min(recorded_at) AS since, count(*) AS count, coalesce(money.amounts, '{}') AS amounts,
    coalesce(nullif((array_agg(dag_id ORDER BY batch DESC))[1], ''), 'extract_' || system) AS dag_id,
    (array_agg(dag_run ORDER BY batch DESC))[1] AS dag_run,
    jsonb_build_object('entities', string_agg(DISTINCT entity, ', ')) AS detail
FROM fresh LEFT JOIN money USING (system)
GROUP BY system, money.amounts HAVING count(*) >= %(quarantined_rows)s;

-- name: fact_breaks_late
-- Open breaks whose first deadline has passed: those opened no later than the moment given for their severity. The run is
-- the one that found them last. `became_at`: when the newest of them was opened last, or came to be as severe as it is;
-- their newest and oldest by severity, for whoever knows the deadlines.
WITH late AS (
    SELECT break_id, code, severity, currency, amount_minor, value_rank, opened_at, last_seen_on,
        coalesce(became_at, opened_at) AS became_at  -- most have no history: their first event is their opening
    FROM recon.break_lives AS life
    CROSS JOIN LATERAL (
        SELECT min(happened_at) AS became_at FROM recon.break_events AS event
        WHERE life.version > 1 AND event.break_id = life.break_id AND event.version > coalesce((
            SELECT max(other.version) FROM recon.break_events AS other
            WHERE other.break_id = life.break_id
                AND (other.to_state IN ('RESOLVED', 'ACCEPTED') OR other.severity > life.severity)
        ), 0)
    ) AS became
    WHERE is_open AND (
        (severity = 'S1' AND opened_at <= %(s1_opened_by)s) OR (severity = 'S2' AND opened_at <= %(s2_opened_by)s)
    )
),
money AS (
    SELECT code, jsonb_object_agg(currency, minor) AS amounts FROM (
        SELECT code, currency, sum(abs(amount_minor)) AS minor FROM late
        WHERE currency IS NOT NULL AND amount_minor IS NOT NULL GROUP BY code, currency
    ) AS sums GROUP BY code
)
SELECT code AS about, min(severity) AS severity, min(opened_at) AS since, count(*) AS count,
    max(became_at) AS became_at,
    max(opened_at) FILTER (WHERE severity = 'S1') AS s1_newest, min(opened_at) FILTER (WHERE severity = 'S1') AS s1_oldest,
    max(opened_at) FILTER (WHERE severity = 'S2') AS s2_newest, min(opened_at) FILTER (WHERE severity = 'S2') AS s2_oldest,
    coalesce(money.amounts, '{}') AS amounts,
    (array_agg(break_id::text ORDER BY value_rank, break_id))[1:%(shown_max)s] AS ids, 'tie_out' AS dag_id,
    (
        SELECT dag_run FROM ops.day_runs WHERE as_of = max(late.last_seen_on) ORDER BY began_at DESC, dag_run LIMIT 1
    ) AS dag_run
FROM late LEFT JOIN money USING (code) GROUP BY code, money.amounts;

-- name: fact_breaks_large
-- Money of unknown worth ranks before all that is known (`unpriced`: how many of them). `newest_at`: when the newest of them
-- came to be so large, in a break that is open.
WITH large AS (
    SELECT break_id, code, severity, currency, amount_minor, amount_sgd_minor, value_rank, opened_at, last_seen_on,
        coalesce(became_at, opened_at) AS became_at
    FROM recon.break_lives AS life
    CROSS JOIN LATERAL (
        SELECT min(happened_at) AS became_at FROM recon.break_events AS event
        WHERE life.version > 1 AND event.break_id = life.break_id AND event.version > coalesce((
            SELECT max(other.version) FROM recon.break_events AS other
            WHERE other.break_id = life.break_id AND (
                other.to_state IN ('RESOLVED', 'ACCEPTED')
                OR coalesce(abs(other.amount_sgd_minor) < %(large_sgd_minor)s, coalesce(other.amount_minor, 0) = 0)
            )
        ), 0)
    ) AS became
    WHERE is_open AND value_rank <= -%(large_sgd_minor)s::bigint
),
money AS (
    SELECT code, jsonb_object_agg(currency, minor) AS amounts FROM (
        SELECT code, currency, sum(abs(amount_minor)) AS minor FROM large
        WHERE currency IS NOT NULL AND amount_minor IS NOT NULL GROUP BY code, currency
    ) AS sums GROUP BY code
)
SELECT code AS about, min(severity) AS severity, min(opened_at) AS since, max(became_at) AS newest_at, count(*) AS count,
    count(*) FILTER (WHERE amount_sgd_minor IS NULL) AS unpriced, coalesce(money.amounts, '{}') AS amounts,
    (array_agg(break_id::text ORDER BY value_rank, break_id))[1:%(shown_max)s] AS ids, 'tie_out' AS dag_id,
    (
        SELECT dag_run FROM ops.day_runs WHERE as_of = max(large.last_seen_on) ORDER BY began_at DESC, dag_run LIMIT 1
    ) AS dag_run
FROM large LEFT JOIN money USING (code) GROUP BY code, money.amounts;

-- name: fact_messages_parked
-- By why they are parked; what a person holds back is their affair.
SELECT reason AS about, min(finished_at) AS since, count(*) AS count, 'fast_lane' AS dag_id,
    (array_agg(message_id::text ORDER BY message_id))[1:%(shown_max)s] AS ids,
    delivery.worth_of(array_agg(DISTINCT delivery.record_of(subject, body))) AS amounts,
    jsonb_build_object('targets', string_agg(DISTINCT target, ', ')) AS detail
FROM delivery.outbox WHERE state = 'parked' AND reason <> 'HELD_BACK' GROUP BY reason;

-- name: fact_messages_uncertain
SELECT target AS about, min(coalesce(first_called_at, decided_at)) AS since, count(*) AS count, 'fast_lane' AS dag_id,
    (array_agg(message_id::text ORDER BY message_id))[1:%(shown_max)s] AS ids,
    delivery.worth_of(array_agg(DISTINCT delivery.record_of(subject, body))) AS amounts
FROM delivery.outbox
WHERE finished_at IS NULL AND state = 'uncertain' AND coalesce(first_called_at, decided_at) <= %(now)s - make_interval(mins => %(uncertain_minutes)s)
GROUP BY target;

-- name: fact_messages_waiting
-- What should have gone out long ago: the target is away, or whoever takes messages there stands still. What another path
-- writes does not wait for us; what nobody writes, because a switch was interrupted, does.
SELECT target AS about, min(greatest(decided_at, since)) AS since, count(*) AS count, 'fast_lane' AS dag_id,
    (array_agg(message_id::text ORDER BY message_id))[1:%(shown_max)s] AS ids,
    delivery.worth_of(array_agg(DISTINCT delivery.record_of(subject, body))) AS amounts
FROM delivery.outbox LEFT JOIN ops.flow_kinds USING (kind) LEFT JOIN ops.writers USING (flow)
WHERE finished_at IS NULL AND state <> 'uncertain' AND coalesce(writer, 'ours') <> 'theirs'
    AND greatest(decided_at, since) <= %(now)s - make_interval(mins => %(waiting_minutes)s)
GROUP BY target;

-- name: fact_hints_waiting
-- Told of, and not looked at for long: the source is away, or whoever looks stands still.
SELECT source AS about, min(received_at) AS since, max(received_at) AS newest_at, count(*) AS count, 'fast_lane' AS dag_id
FROM delivery.inbox
WHERE state IN ('new', 'taken') AND received_at <= %(now)s - make_interval(mins => %(waiting_minutes)s)
GROUP BY source;

-- name: fact_hints_dead
-- Told of, looked at, and not to be read or decided about: no later look answers it by itself.
SELECT source AS about, min(finished_at) AS since, max(finished_at) AS newest_at, count(*) AS count, 'fast_lane' AS dag_id,
    jsonb_build_object('entities', string_agg(DISTINCT entity, ', ')) AS detail
FROM delivery.failed_looks WHERE finished_at > %(now)s - make_interval(days => %(dead_days)s) GROUP BY source;

-- name: fact_replay_waiting
-- What one person asked for and no other approved or refused for long. What lapsed so is not over: nobody decided it.
SELECT 'delivery' AS about, min(asked_at) AS since, count(DISTINCT replay_id) AS count,
    (array_agg(DISTINCT message_id::text))[1:%(shown_max)s] AS ids,
    delivery.worth_of(array_agg(DISTINCT delivery.record_of(subject, body))) AS amounts,
    jsonb_build_object('stands', CASE WHEN min(lapses_at) > %(now)s THEN 'lapses at ' ELSE 'lapsed at ' END
        || to_char(min(lapses_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS detail
FROM delivery.replays JOIN delivery.outbox ON message_id = ANY (messages)
WHERE state = 'parked' AND finished_at <= asked_at
    AND asked_at <= %(now)s - make_interval(mins => %(replay_minutes)s)
    AND lapses_at > %(now)s - make_interval(hours => %(lapsed_hours)s)
    AND NOT EXISTS (SELECT FROM delivery.replay_approvals AS approval WHERE approval.replay_id = replays.replay_id)
    AND NOT EXISTS (SELECT FROM delivery.replay_ends AS ends WHERE ends.replay_id = replays.replay_id)
    AND NOT EXISTS (
        SELECT FROM delivery.replays AS anew
        WHERE replays.lapses_at <= %(now)s AND anew.replay_id > replays.replay_id AND anew.messages && replays.messages
    )
HAVING count(*) > 0;

-- name: fact_key_conflict
-- A conflict is history and stays; it is news for some days.
SELECT 'delivery' AS about, min(found_at) AS since, count(*) AS count, 'fast_lane' AS dag_id,
    delivery.worth_of(array_agg(DISTINCT (
        SELECT delivery.record_of(subject, outbox.body) FROM delivery.outbox
        WHERE outbox.key = key_conflicts.key ORDER BY revision DESC LIMIT 1
    ))) AS amounts
FROM delivery.key_conflicts WHERE found_at > %(now)s - make_interval(days => %(conflict_days)s) HAVING count(*) > 0;

-- name: fact_api_budget_low
-- As it was last noted; what was noted a day ago is another day's.
SELECT system AS about, noted_at AS since, greatest(allowed - used, 0) AS count,
    coalesce(nullif(dag_id, ''), 'extract_' || system) AS dag_id, dag_run,
    jsonb_build_object('used', used, 'allowed', allowed) AS detail
FROM ops.api_budgets
WHERE allowed > 0 AND used * 100 >= allowed * %(budget_percent)s
    AND noted_at > %(now)s - make_interval(hours => %(budget_hours)s);

-- name: fact_mail_failed
-- For how much money there are differences in the newest of the days that were not told. Who was told the same day or
-- period later, by another run or with another day, waits no longer.
WITH failed AS (
    SELECT edition, run_id, as_of, kept_at FROM recon.mailings AS waits JOIN recon.runs USING (run_id)
    WHERE waits.state <> 'sent' AND kept_at > %(now)s - make_interval(days => %(mail_days)s)
        AND (waits.state IN ('refused', 'uncertain') OR kept_at <= %(now)s - make_interval(mins => %(mail_minutes)s))
        AND NOT EXISTS (
            SELECT FROM recon.mailings AS later
            WHERE (later.told_of, later.edition, later.recipient) = (waits.told_of, waits.edition, waits.recipient)
                AND later.state = 'sent' AND later.kept_at > waits.kept_at
        )
),
newest AS (SELECT DISTINCT ON (edition) edition, run_id, as_of FROM failed ORDER BY edition, as_of DESC, kept_at DESC)
SELECT edition AS about, min(kept_at) AS since, count(*) AS count, 'tie_out' AS dag_id,
    (
        SELECT dag_run FROM ops.day_runs WHERE day_runs.as_of = max(newest.as_of) ORDER BY began_at DESC, dag_run LIMIT 1
    ) AS dag_run,
    (
        SELECT jsonb_object_agg(currency, minor) FROM (
            SELECT currency, sum(abs(amount_minor)) AS minor FROM recon.breaks
            WHERE breaks.run_id = newest.run_id AND currency IS NOT NULL AND amount_minor IS NOT NULL GROUP BY currency
        ) AS untold
    ) AS amounts
FROM failed JOIN newest USING (edition) GROUP BY edition, newest.run_id;

-- name: fact_webhook_refused
-- Whatever knocks is refused, and nothing has been kept since.
SELECT source AS about, refused_since AS since, refused_count AS count, 'fast_lane' AS dag_id FROM ops.hearing
WHERE refused_since <= %(now)s - make_interval(mins => %(webhook_minutes)s) AND refused_count >= %(webhook_events)s;

-- name: fact_webhook_unfed
-- It was used before; now only glances find what happens.
SELECT source AS about, glanced_since AS since, glanced_count AS count, 'fast_lane' AS dag_id FROM ops.hearing
WHERE kept_at IS NOT NULL AND glanced_count >= %(webhook_events)s
    AND glanced_since <= %(now)s - make_interval(mins => %(webhook_minutes)s);

-- name: failing_channels
SELECT channel FROM ops.alert_channels WHERE failures >= %(channel_failures)s;

-- name: fact_channel_failing
-- One that is still tried: a channel that was taken away fails nobody.
SELECT channel AS about, failing_since AS since, failures AS count, 'watch' AS dag_id FROM ops.alert_channels
WHERE failures >= %(channel_failures)s AND next_at > %(now)s - make_interval(hours => %(channel_hours)s);

-- name: note_webhook_kept
-- What was counted against the door is forgotten. Written at most every few seconds, for deliveries come in crowds and none
-- shall wait for another here.
WITH noted AS (
    UPDATE ops.hearing SET kept_at = ops.clock(), refused_since = NULL, refused_count = 0, glanced_since = NULL,
        glanced_count = 0
    WHERE source = %(source)s AND coalesce(kept_at, '-infinity') < ops.clock() - interval '5 seconds'
)
INSERT INTO ops.hearing (source, kept_at) SELECT %(source)s, ops.clock()
WHERE NOT EXISTS (SELECT FROM ops.hearing WHERE source = %(source)s)
ON CONFLICT (source) DO NOTHING;

-- name: note_webhook_refused
INSERT INTO ops.hearing AS known (source, refused_since, refused_count) VALUES (%(source)s, ops.clock(), %(count)s)
ON CONFLICT (source) DO UPDATE SET refused_since = coalesce(known.refused_since, excluded.refused_since),
    refused_count = known.refused_count + excluded.refused_count;

-- name: note_glanced
INSERT INTO ops.hearing AS known (source, glanced_since, glanced_count) VALUES (%(source)s, ops.clock(), %(count)s)
ON CONFLICT (source) DO UPDATE SET glanced_since = coalesce(known.glanced_since, excluded.glanced_since),
    glanced_count = known.glanced_count + excluded.glanced_count;

-- name: lock_alerts
-- One at a time decides what is true; whoever comes meanwhile leaves it to them.
SELECT pg_try_advisory_xact_lock(7290) AS mine;

-- name: open_alerts
SELECT alert_id, kind, about, severity, since, newest_at, count, amounts, ids, dag_id, dag_run, detail, raised_at, seen_at,
    over_at, mended
FROM ops.alerts WHERE over_at IS NULL ORDER BY severity, since, alert_id;

-- name: closed_alerts
SELECT alert_id, kind, about, severity, since, newest_at, count, amounts, ids, dag_id, dag_run, detail, raised_at, seen_at,
    over_at, mended, count(*) OVER () AS ended
FROM ops.alerts WHERE over_at IS NOT NULL ORDER BY over_at DESC, alert_id DESC LIMIT %(limit)s;

-- name: raise_alert
INSERT INTO ops.alerts
    (kind, about, severity, since, newest_at, count, amounts, ids, dag_id, dag_run, detail, raised_at, seen_at)
VALUES
    (%(kind)s, %(about)s, %(severity)s, %(since)s, %(newest_at)s, %(count)s, %(amounts)s, %(ids)s, %(dag_id)s, %(dag_run)s,
    %(detail)s, %(now)s, %(now)s);

-- name: see_alert
UPDATE ops.alerts SET severity = %(severity)s, since = least(since, %(since)s), newest_at = %(newest_at)s, count = %(count)s, amounts = %(amounts)s, ids = %(ids)s,
    dag_id = %(dag_id)s, dag_run = %(dag_run)s, detail = %(detail)s, seen_at = %(now)s
WHERE kind = %(kind)s AND about = %(about)s AND over_at IS NULL;

-- name: end_alert
UPDATE ops.alerts SET over_at = %(now)s, mended = %(mended)s WHERE alert_id = %(alert_id)s AND over_at IS NULL;

-- name: claim_channel
-- Nothing while somebody else sends there, or while it is too early to try again.
INSERT INTO ops.alert_channels AS known (channel, fence, busy_until)
VALUES (%(channel)s, 1, %(now)s + make_interval(secs => %(lease_s)s))
ON CONFLICT (channel) DO UPDATE SET fence = known.fence + 1, busy_until = excluded.busy_until
WHERE known.busy_until <= %(now)s AND known.next_at <= %(now)s
RETURNING fence, failures;

-- name: unfinished_bulletin
SELECT bulletin_id, subject, entries, attempts, made_at, reached, owed FROM ops.bulletins
WHERE channel = %(channel)s AND state IN ('called', 'uncertain');

-- name: owed_bulletin
-- The oldest that some of its readers have and others do not.
SELECT bulletin_id, subject, entries, attempts, made_at, reached, owed FROM ops.bulletins
WHERE channel = %(channel)s AND owed ORDER BY bulletin_id LIMIT 1;

-- name: standing_alerts
-- What lasts, and what ended since the channel had nothing to be told, with what was last said of it on the channel.
SELECT alerts.alert_id, kind, about, alerts.severity, since, newest_at, alerts.count, alerts.amounts, alerts.ids, dag_id,
    dag_run, detail, raised_at, seen_at, over_at, mended, told.says AS told_says, told.severity AS told_severity, told.sent_at AS told_at, told.count AS told_count,
    told.amounts AS told_amounts
FROM ops.alerts
LEFT JOIN LATERAL (
    SELECT says, severity, sent_at, count, amounts FROM ops.tellings JOIN ops.bulletins USING (bulletin_id)
    WHERE tellings.alert_id = alerts.alert_id AND channel = %(channel)s AND state = 'sent'
    ORDER BY bulletin_id DESC LIMIT 1
) AS told ON true
WHERE over_at IS NULL OR over_at > (
    SELECT caught_up_at - interval '1 day' FROM ops.alert_channels WHERE channel = %(channel)s
)
ORDER BY alerts.severity, since, alerts.alert_id;

-- name: caught_up
-- Alerts end in transactions that may commit after the clock they took: a day is looked back from here.
UPDATE ops.alert_channels SET caught_up_at = %(now)s WHERE channel = %(channel)s;

-- name: make_bulletin
INSERT INTO ops.bulletins (channel, subject, entries, made_at)
VALUES (%(channel)s, %(subject)s, %(entries)s, %(now)s) RETURNING bulletin_id;

-- name: keep_telling
INSERT INTO ops.tellings (bulletin_id, alert_id, says, severity, count, amounts)
VALUES (%(bulletin_id)s, %(alert_id)s, %(says)s, %(severity)s, %(count)s, %(amounts)s);

-- name: end_bulletin
-- Only by whoever still has the channel: who was too slow says nothing.
UPDATE ops.bulletins SET state = %(state)s, attempts = attempts + 1, detail = %(detail)s,
    reached = %(reached)s::text[], owed = %(owed)s,
    sent_at = CASE WHEN %(state)s = 'sent' THEN coalesce(bulletins.sent_at, %(now)s::timestamptz) END
FROM ops.alert_channels AS held
WHERE bulletin_id = %(bulletin_id)s AND held.channel = bulletins.channel AND held.fence = %(fence)s;

-- name: free_channel
UPDATE ops.alert_channels SET busy_until = '-infinity', next_at = %(next_at)s, failures = %(failures)s,
    detail = CASE WHEN %(tried)s THEN %(detail)s ELSE detail END,
    failing_since = CASE WHEN %(failures)s > 0 THEN coalesce(failing_since, %(now)s) END,
    sent_at = CASE WHEN %(sent)s THEN %(now)s ELSE sent_at END
WHERE channel = %(channel)s AND fence = %(fence)s;

-- name: alert_channels
SELECT channel, failures, failing_since, sent_at, next_at, detail FROM ops.alert_channels ORDER BY channel;
