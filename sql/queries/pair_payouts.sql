-- Payouts and lines of the bank that people match by hand and part (R4): in a run, and at the desk by the newest day.

-- name: create_parted_payouts
-- Payouts and the lines of the bank they must not be paired with again.
CREATE TEMP TABLE parted_payouts ON COMMIT DROP AS SELECT payout_id, line_id FROM seen.parted_payouts;

-- name: groups_by_hand
SELECT ruling_no, item_type, item_id, invoice_ids AS others, currency, maker, checkers FROM seen.rulings
WHERE kind = 'manual_match' AND item_type IN ('payout', 'bank_line') ORDER BY ruling_no;

-- name: sides_by_hand
-- Payouts and lines that people matched by hand, as this run has them.
SELECT 'payout' AS side, payout_id AS side_id, currency, net_minor AS amount_minor,
    steady AND net_minor <> 0 AND status NOT IN ('FAILED', 'CANCELLED') AS usable
FROM run_payouts WHERE payout_id = ANY (%(payouts)s)
UNION ALL
SELECT 'bank_line', line_id, currency, amount_minor, steady AND amount_minor <> 0
FROM run_bank_lines WHERE line_id = ANY (%(lines)s);

-- name: forget_decided_names
-- A line names nothing that people decided otherwise.
DELETE FROM named_payouts AS named
WHERE EXISTS (
    SELECT FROM settled_pairs
    WHERE rule = 'manual' AND (side_b_id = named.line_id OR side_a_type = 'payout' AND side_a_id = named.payout_id)
) OR EXISTS (
    SELECT FROM parted_payouts AS parted WHERE parted.payout_id = named.payout_id AND parted.line_id = named.line_id
);

-- name: forget_parted_pairs
DELETE FROM bank_pairs AS pair USING parted_payouts AS parted
WHERE pair.side = 'payout' AND pair.side_id = parted.payout_id AND pair.line_id = parted.line_id;

-- name: parted_sides
-- What people parted, and who.
SELECT item_type, item_id, invoice_ids AS others, maker, checkers FROM seen.rulings
WHERE kind = 'unmatch' AND item_type IN ('payout', 'bank_line') ORDER BY ruling_no;

-- name: sides_to_pair
-- Payouts and lines of these ids as the newest published day has them, and as rulings since have changed it.
WITH ruled AS (
    SELECT maker, CASE item_type WHEN 'payout' THEN ARRAY[item_id::text] ELSE invoice_ids END AS payouts,
        CASE item_type WHEN 'payout' THEN invoice_ids ELSE ARRAY[item_id::text] END AS lines
    FROM recon.standing_pairings
    WHERE kind = 'manual_match' AND item_type IN ('payout', 'bank_line')
        AND (item_id = ANY (%(payouts)s::text[] || %(lines)s::text[]) OR invoice_ids && (%(payouts)s::text[] || %(lines)s::text[]))
), posted AS (
    SELECT side_a_type, side_a_id, side_b_id FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R4' AND state = 'posted' AND side_b_type = 'bank_line'
        AND (side_a_id = ANY (%(payouts)s) OR side_b_id = ANY (%(lines)s))
        AND NOT EXISTS (
            SELECT FROM seen.parted_payouts AS parted
            WHERE side_a_type = 'payout' AND parted.payout_id = side_a_id AND parted.line_id = side_b_id
        )
)
SELECT 'payout' AS side, native_id AS side_id, currency, net_minor AS amount_minor,
    net_minor <> 0 AND coalesce(state, 'PAID') NOT IN ('FAILED', 'CANCELLED', 'UNKNOWN') AS usable,
    (
        SELECT coalesce(array_agg(side_b_id ORDER BY side_b_id), '{}') FROM posted
        WHERE side_a_type = 'payout' AND side_a_id = native_id
    ) AS used_for,
    (SELECT min(maker) FROM ruled WHERE native_id = ANY (ruled.payouts)) AS ruled_by
FROM seen.payouts WHERE native_id = ANY (%(payouts)s)
UNION ALL
SELECT 'bank_line', native_id, currency, amount_minor, amount_minor <> 0,
    (SELECT coalesce(array_agg(side_a_id ORDER BY side_a_id), '{}') FROM posted WHERE side_b_id = native_id),
    (SELECT min(maker) FROM ruled WHERE native_id = ANY (ruled.lines))
FROM seen.bank_lines WHERE native_id = ANY (%(lines)s);

-- name: payout_legs_to_part
-- Of a posted match of payouts and the bank: named by its payout, or of several payouts by their line.
SELECT CASE WHEN alone THEN 'payout' ELSE 'bank_line' END AS item_type,
    CASE WHEN alone THEN payout_id ELSE line_id END AS item_id, CASE WHEN alone THEN line_id ELSE payout_id END AS invoice_id,
    currency, amount_minor, match_id
FROM (
    SELECT side_a_id AS payout_id, side_b_id AS line_id, currency, abs(amount_minor) AS amount_minor, match_id,
        count(*) OVER () = count(*) OVER (PARTITION BY side_a_id) AS alone
    FROM recon.matches
    WHERE run_id = %(run_id)s AND match_id = %(subject)s AND recon = 'R4' AND state = 'posted'
        AND side_a_type = 'payout' AND side_b_type = 'bank_line' AND amount_minor <> 0
) AS legs
ORDER BY invoice_id;

-- name: sides_paired_now
-- What a payout, or a line of the bank, is matched with by now.
SELECT CASE %(item_type)s WHEN 'payout' THEN side_b_id ELSE side_a_id END AS invoice_id, abs(amount_minor) AS amount_minor
FROM recon.matches
WHERE run_id = %(run_id)s AND recon = 'R4' AND state = 'posted' AND side_a_type = 'payout' AND side_b_type = 'bank_line'
    AND (side_a_type = %(item_type)s AND side_a_id = %(item)s OR side_b_type = %(item_type)s AND side_b_id = %(item)s)
    AND NOT EXISTS (
        SELECT FROM seen.parted_payouts AS parted WHERE parted.payout_id = side_a_id AND parted.line_id = side_b_id
    )
ORDER BY 1;
