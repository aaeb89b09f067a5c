-- What other rules would change of published days. Both runs stand in one transaction that is taken back.

-- name: days_to_replay
-- The newest published days, the oldest of them first.
SELECT as_of FROM (
    SELECT DISTINCT as_of FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC LIMIT %(days)s
) AS newest ORDER BY as_of;

-- name: forget_temporaries
-- A second run in the same transaction makes its tables anew.
DISCARD TEMP;

-- name: radius_matches
-- Pairs posted by one run and not by the other, or with another amount.
WITH was AS (
    SELECT recon, side_a_id, side_b_id, currency, sum(amount_minor)::bigint AS minor
    FROM recon.matches WHERE run_id = %(was)s AND state = 'posted' GROUP BY 1, 2, 3, 4
), now AS (
    SELECT recon, side_a_id, side_b_id, currency, sum(amount_minor)::bigint AS minor
    FROM recon.matches WHERE run_id = %(now)s AND state = 'posted' GROUP BY 1, 2, 3, 4
)
SELECT recon AS of, currency::text,
    count(*) FILTER (WHERE was.minor IS NULL) AS gained,
    coalesce(sum(now.minor) FILTER (WHERE was.minor IS NULL), 0)::bigint AS gained_minor,
    count(*) FILTER (WHERE now.minor IS NULL) AS lost,
    coalesce(sum(was.minor) FILTER (WHERE now.minor IS NULL), 0)::bigint AS lost_minor,
    count(*) FILTER (WHERE was.minor <> now.minor) AS changed
FROM was FULL JOIN now USING (recon, side_a_id, side_b_id, currency)
WHERE was.minor IS DISTINCT FROM now.minor
GROUP BY recon, currency ORDER BY recon, currency;

-- name: radius_breaks
WITH was AS (
    SELECT recon, code, key, coalesce(currency::text, '') AS currency, coalesce(amount_minor, 0) AS minor
    FROM recon.breaks WHERE run_id = %(was)s
), now AS (
    SELECT recon, code, key, coalesce(currency::text, '') AS currency, coalesce(amount_minor, 0) AS minor
    FROM recon.breaks WHERE run_id = %(now)s
)
SELECT code AS of, currency,
    count(*) FILTER (WHERE was.minor IS NULL) AS gained,
    coalesce(sum(abs(now.minor)) FILTER (WHERE was.minor IS NULL), 0)::bigint AS gained_minor,
    count(*) FILTER (WHERE now.minor IS NULL) AS lost,
    coalesce(sum(abs(was.minor)) FILTER (WHERE now.minor IS NULL), 0)::bigint AS lost_minor,
    count(*) FILTER (WHERE was.minor <> now.minor) AS changed
FROM was FULL JOIN now USING (recon, code, key, currency)
WHERE was.minor IS DISTINCT FROM now.minor
GROUP BY code, currency ORDER BY code, currency;

-- name: radius_gained_pairs
-- Pairs that the second run posts and the first does not.
SELECT DISTINCT recon, side_a_id, side_b_id FROM recon.matches AS now
WHERE run_id = %(now)s AND state = 'posted' AND NOT EXISTS (
    SELECT FROM recon.matches AS was
    WHERE was.run_id = %(was)s AND was.state = 'posted' AND was.recon = now.recon AND was.side_a_id = now.side_a_id
        AND was.side_b_id = now.side_b_id
);

-- name: radius_ruled
-- What a run without rulings posted of the payments that people ruled on, held against what they said.
WITH ruled AS (
    SELECT kind, item_id, ARRAY(SELECT unnest(invoice_ids) ORDER BY 1) AS invoices
    FROM recon.rulings JOIN recon.pairings USING (break_id, proposal_no, kind, item_type, item_id)
    WHERE item_type = 'payment' AND kind IN ('manual_match', 'unmatch') AND ended_no IS NULL
), posted AS (
    SELECT side_a_id AS item_id, array_agg(DISTINCT side_b_id::text ORDER BY side_b_id::text) AS invoices
    FROM recon.matches
    WHERE run_id = %(run_id)s::uuid AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment' AND side_b_type = 'invoice'
        AND side_a_id IN (SELECT item_id FROM ruled)
    GROUP BY side_a_id
), verdicts AS (
    SELECT CASE
        WHEN posted.invoices IS NULL THEN 'open'
        WHEN kind = 'manual_match' THEN CASE WHEN posted.invoices = ruled.invoices THEN 'right' ELSE 'wrong' END
        WHEN posted.invoices && ruled.invoices THEN 'wrong'
        ELSE 'open'
    END AS verdict
    FROM ruled LEFT JOIN posted USING (item_id)
)
SELECT count(*) FILTER (WHERE verdict = 'right') AS right, count(*) FILTER (WHERE verdict = 'wrong') AS wrong,
    count(*) FILTER (WHERE verdict = 'open') AS left_open
FROM verdicts;

-- name: keep_rule_set
INSERT INTO ops.rule_sets (rules_sha256, files) VALUES (%(rules_sha256)s, %(files)s) ON CONFLICT DO NOTHING;

-- name: rule_sets_like
SELECT rules_sha256, files FROM ops.rule_sets WHERE starts_with(rules_sha256, %(beginning)s) ORDER BY kept_at DESC LIMIT 2;

-- name: keep_radius
INSERT INTO ops.radii (old_rules, new_rules, code_sha256, days, result)
VALUES (%(old_rules)s, %(new_rules)s, %(code_sha256)s, %(days)s::date[], %(result)s)
RETURNING radius_id, result_sha256;

-- name: radius_shown
-- The one of most days, the newest of those. `asked`: the days that were published up to its last one, at most so many.
SELECT radius_id, result_sha256, days, shown_at, least(%(most)s, (
    SELECT count(DISTINCT as_of) FROM recon.runs WHERE state = 'published' AND as_of <= days[cardinality(days)]
)) AS asked
FROM ops.radii
WHERE old_rules = %(old_rules)s AND new_rules = %(new_rules)s AND code_sha256 = %(code_sha256)s
ORDER BY cardinality(days) DESC, radius_id DESC LIMIT 1;
