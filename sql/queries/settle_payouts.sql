-- R4, payment <-> payout <-> bank: what is in each payout, which line of the bank each payout and transfer is.
--
-- All tables here are temporary and belong to one run. `run_` tables hold everything the run sees; `money_on_its_way`
-- and `bank_pool` are the movements and the bank's lines nothing has claimed yet; `bank_pairs` says which could be which.

-- name: create_settling_tables
CREATE TEMP TABLE run_payouts (
    payout_id text COLLATE "C" PRIMARY KEY,
    payout_key text COLLATE "C",
    currency char(3) NOT NULL,
    net_minor bigint NOT NULL,
    arrival_date date NOT NULL,
    status text NOT NULL,
    steady boolean NOT NULL      -- false: its status is unknown or a newer version of it is in quarantine
) ON COMMIT DROP;
CREATE TEMP TABLE run_payout_items (
    payout_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C",  -- the payment, refund or dispute, or for a refund and a dispute the payment it is of
    kind text NOT NULL,          -- as policy/payouts.yaml calls its type; '' when that does not know it
    type text NOT NULL,
    currency char(3) NOT NULL,
    gross_minor bigint NOT NULL,
    fee_minor bigint,
    net_minor bigint NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE run_returns (
    side text NOT NULL,          -- refund or dispute
    return_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    returned_on date NOT NULL,
    moves_money boolean NOT NULL,
    steady boolean NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE run_bank_lines (
    line_id text COLLATE "C" PRIMARY KEY,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    value_date date NOT NULL,
    reference text,
    reference_key text COLLATE "C",
    payer_key text COLLATE "C",
    payer_head text COLLATE "C" GENERATED ALWAYS AS (left(payer_key, 16)) STORED,
    steady boolean NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE payout_sums (
    payout_id text COLLATE "C" PRIMARY KEY,
    items bigint NOT NULL,
    nets_minor bigint NOT NULL,              -- what the items say they come to
    foreign_items bigint NOT NULL,           -- in another currency than the payout: not in the sums
    strange_types text[] NOT NULL,
    charges bigint NOT NULL,
    charges_minor bigint NOT NULL,
    refunds_minor bigint NOT NULL,
    disputes_minor bigint NOT NULL,
    others_minor bigint NOT NULL,
    fees_minor bigint NOT NULL,
    reserves bigint NOT NULL,
    reserves_minor bigint NOT NULL,
    charges_without_fee bigint NOT NULL,
    charged_fees_minor bigint NOT NULL,      -- the fees of its charges alone
    contract_percent_minor bigint NOT NULL   -- what the contract's percentage makes of its charges
) ON COMMIT DROP;
CREATE TEMP TABLE settled_pairs (
    rule text NOT NULL,
    side_a_type text NOT NULL,
    side_a_id text COLLATE "C" NOT NULL,
    side_b_type text NOT NULL,
    side_b_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    residual_minor bigint NOT NULL,
    residual_reason text NOT NULL,
    state text NOT NULL,
    together text COLLATE "C"    -- what several lines of the bank are one match for
) ON COMMIT DROP;
CREATE TEMP TABLE named_payouts (
    line_id text COLLATE "C" NOT NULL,
    payout_id text COLLATE "C" NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE money_on_its_way (
    side text NOT NULL,          -- payment, refund or payout
    side_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    moved_on date NOT NULL,
    from_date date NOT NULL,
    to_date date NOT NULL,
    reference_key text COLLATE "C",
    payer_key text COLLATE "C",
    payer_head text COLLATE "C" GENERATED ALWAYS AS (left(payer_key, 16)) STORED,
    steady boolean NOT NULL,
    PRIMARY KEY (side, side_id)
) ON COMMIT DROP;
CREATE TEMP TABLE money_by_day (  -- money_on_its_way on each day a line of it may have
    side text NOT NULL,
    side_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    value_date date NOT NULL,
    payer_key text COLLATE "C",
    payer_head text COLLATE "C"
) ON COMMIT DROP;
CREATE TEMP TABLE bank_pool (
    LIKE run_bank_lines INCLUDING INDEXES INCLUDING GENERATED, names_a_payout boolean NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE bank_pairs (
    side text NOT NULL,
    side_id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    moved_on date NOT NULL,
    value_date date NOT NULL,
    fits boolean NOT NULL,       -- false: their references speak against each other; shown to a person at most
    postable boolean NOT NULL,
    likeness smallint NOT NULL   -- 4 x (3 same reference, 2 one within the other, 1 both none) + 2 same day + 1 payer
) ON COMMIT DROP;
CREATE TEMP TABLE likely_pairs (LIKE bank_pairs) ON COMMIT DROP;

-- name: fill_run_payouts
INSERT INTO run_payouts
SELECT payouts.native_id, recon.text_key(payouts.native_id), currency, net_minor, arrival_date, coalesce(state, 'PAID'),
    state IS DISTINCT FROM 'UNKNOWN' AND coalesce(last_in <= recorded_in, true)
FROM seen.payouts LEFT JOIN unread_rows ON entity = 'payouts' AND unread_rows.native_id = payouts.native_id;

-- name: fill_run_payout_items
INSERT INTO run_payout_items
SELECT payout_id, payment_id, coalesce(kind, ''), type, currency, gross_minor, fee_minor, net_minor
FROM seen.payout_items
LEFT JOIN unnest(%(kinds)s::text[], %(types)s::text[]) AS policy (kind, word)
    ON word = replace(replace(lower(type), ' ', '_'), '-', '_');

-- name: fill_run_returns
-- A refund that is pending and a dispute that is still open may have moved money or not: nobody misses it yet.
INSERT INTO run_returns
SELECT 'refund', refunds.native_id, payment_id, currency, amount_minor, created_on,
    coalesce(state, 'SUCCEEDED') = 'SUCCEEDED',
    state IS DISTINCT FROM 'UNKNOWN' AND coalesce(last_in <= recorded_in, true)
FROM seen.refunds LEFT JOIN unread_rows ON entity = 'refunds' AND unread_rows.native_id = refunds.native_id
UNION ALL
SELECT 'dispute', disputes.native_id, payment_id, currency, amount_minor, opened_on,
    coalesce(state, 'OPEN') = 'LOST',
    state IS DISTINCT FROM 'UNKNOWN' AND coalesce(last_in <= recorded_in, true)
FROM seen.disputes LEFT JOIN unread_rows ON entity = 'disputes' AND unread_rows.native_id = disputes.native_id;

-- name: fill_run_bank_lines
INSERT INTO run_bank_lines (line_id, currency, amount_minor, value_date, reference, reference_key, payer_key, steady)
SELECT bank_lines.native_id, currency, amount_minor, value_date, reference,
    CASE WHEN upper(btrim(reference)) <> ALL (%(blank_references)s::text[]) THEN recon.text_key(reference) END,
    recon.payer_key(payer_text, payer_head, payer_key),
    coalesce(last_in <= recorded_in, true)
FROM seen.bank_lines LEFT JOIN unread_rows ON entity = 'bank_lines' AND unread_rows.native_id = bank_lines.native_id;

-- name: analyse_run_settling
-- Nobody else does it for temporary tables, and without it the joins below are planned for empty ones.
ANALYZE run_payouts, run_payout_items, run_returns, run_bank_lines;

-- name: fill_payout_sums
INSERT INTO payout_sums
SELECT payout_id, count(*),
    coalesce(sum(item.net_minor) FILTER (WHERE native), 0),
    count(*) FILTER (WHERE NOT native),
    coalesce(array_agg(DISTINCT type COLLATE "C") FILTER (WHERE kind = ''), '{}'),
    count(*) FILTER (WHERE charge),
    coalesce(sum(gross_minor) FILTER (WHERE charge), 0),
    coalesce(-sum(gross_minor) FILTER (WHERE native AND kind = 'refund'), 0),
    coalesce(-sum(gross_minor) FILTER (WHERE native AND kind = 'dispute'), 0),
    coalesce(sum(gross_minor) FILTER (WHERE native AND kind NOT IN ('charge', 'refund', 'dispute')), 0),
    coalesce(sum(fee_minor) FILTER (WHERE native), 0),
    count(*) FILTER (WHERE kind = 'reserve'),
    coalesce(sum(item.net_minor) FILTER (WHERE native AND kind = 'reserve'), 0),
    count(*) FILTER (WHERE charge AND fee_minor IS NULL),
    coalesce(sum(fee_minor) FILTER (WHERE charge), 0),
    coalesce(sum((gross_minor * coalesce(bps, %(percent_bps)s) + 5000) / 10000) FILTER (WHERE charge), 0)
FROM run_payout_items AS item
JOIN run_payouts AS payout USING (payout_id)
LEFT JOIN unnest(%(currencies)s::text[], %(currency_bps)s::bigint[]) AS own (currency, bps)
    ON own.currency = item.currency
CROSS JOIN LATERAL (
    SELECT item.currency = payout.currency AS native, item.currency = payout.currency AND kind = 'charge' AS charge
) AS belongs
GROUP BY payout_id;

-- name: forget_payout_sums
TRUNCATE payout_sums;

-- name: charged_fees
-- What charges were charged, the most frequent amounts first.
SELECT currency, amount_minor, fee_minor, charges FROM (
    SELECT currency, gross_minor AS amount_minor, fee_minor, count(*) AS charges, row_number() OVER (
        PARTITION BY currency ORDER BY count(*) DESC, gross_minor, fee_minor
    ) AS place
    FROM run_payout_items
    WHERE kind = 'charge' AND gross_minor > 0 AND fee_minor IS NOT NULL AND currency = ANY(%(currencies)s)
    GROUP BY currency, gross_minor, fee_minor
) AS ranked
WHERE place <= %(most)s ORDER BY currency, place;

-- name: fixed_fee_votes
-- What charges were charged beyond the percentage: as their payout has it, and as they have it themselves.
WITH charged AS (
    SELECT currency, gross_minor AS amount_minor, fee_minor FROM run_payout_items WHERE kind = 'charge'
    UNION ALL
    SELECT currency, amount_minor, fee_minor FROM seen.payments
    WHERE amount_minor > 0 AND coalesce(state, 'SUCCEEDED') = 'SUCCEEDED'
), counted AS (
    SELECT currency, fee_minor - (amount_minor * coalesce(bps, %(percent_bps)s) + 5000) / 10000 AS fixed_minor,
        count(*) AS votes
    FROM charged
    LEFT JOIN unnest(%(currencies)s::text[], %(currency_bps)s::bigint[]) AS own (currency, bps) USING (currency)
    WHERE fee_minor > 0
    GROUP BY 1, 2
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY currency ORDER BY votes DESC, fixed_minor) AS place,
        sum(votes) OVER (PARTITION BY currency) AS all_votes
    FROM counted
)
SELECT currency, fixed_minor, votes, all_votes::bigint FROM ranked WHERE place <= 20 ORDER BY currency, place;

-- name: payouts_to_judge
-- Every payout of known status with its sums. `unread` items may be what is missing from them.
SELECT payout_id, currency, net_minor, arrival_date, status,
    coalesce(items, 0) AS items, coalesce(nets_minor, 0) AS nets_minor, coalesce(foreign_items, 0) AS foreign_items,
    coalesce(strange_types, '{}') AS strange_types, coalesce(charges, 0) AS charges,
    coalesce(charges_minor, 0) AS charges_minor, coalesce(refunds_minor, 0) AS refunds_minor,
    coalesce(disputes_minor, 0) AS disputes_minor, coalesce(others_minor, 0) AS others_minor,
    coalesce(fees_minor, 0) AS fees_minor, coalesce(reserves, 0) AS reserves,
    coalesce(reserves_minor, 0) AS reserves_minor, coalesce(charges_without_fee, 0) AS charges_without_fee,
    coalesce(charged_fees_minor, 0) AS charged_fees_minor,
    coalesce(contract_percent_minor, 0) AS contract_percent_minor,
    (
        -- An item's id starts with its payout's where the source says so; of an id that does not, nobody knows whose.
        SELECT count(*) FROM seen.quarantine
        WHERE entity = 'payout_items' AND (strpos(native_id, '/') = 0 OR split_part(native_id, '/', 1) = payout_id)
    ) AS unread
FROM run_payouts LEFT JOIN payout_sums USING (payout_id)
WHERE steady
ORDER BY payout_id;

-- name: settle_charges
-- A payment that is in one payout, with all of its amount, is paid out by it. Anything else is shown to a person.
WITH charge AS (
    SELECT source_id AS payment_id, payout_id, sum(gross_minor)::bigint AS gross_minor,
        sum(coalesce(fee_minor, 0))::bigint AS fee_minor, sum(net_minor)::bigint AS net_minor,
        min(currency) AS currency, min(currency) = max(currency) AS one_currency,
        count(*) OVER (PARTITION BY source_id) AS payouts
    FROM run_payout_items WHERE kind = 'charge' AND source_id IS NOT NULL
    GROUP BY source_id, payout_id
)
INSERT INTO settled_pairs
SELECT 'P0', 'payment', payment_id, 'payout', payout_id, charge.currency, charge.net_minor,
    CASE WHEN charge.currency = payment.currency THEN charge.net_minor - payment.amount_minor ELSE 0 END,
    CASE WHEN charge.fee_minor <> 0 THEN 'fee' ELSE '' END,
    CASE WHEN payouts = 1 AND one_currency AND charge.currency = payment.currency
        AND charge.gross_minor = payment.amount_minor AND charge.net_minor = charge.gross_minor - charge.fee_minor
        AND payout.steady AND payout.status <> 'CANCELLED'
        AND coalesce(payment.state, 'SUCCEEDED') IN ('SUCCEEDED', 'REVERSED')
        AND coalesce(last_in <= recorded_in, true)
    THEN 'posted' ELSE 'suggested' END
FROM charge
JOIN run_payouts AS payout USING (payout_id)
JOIN seen.payments AS payment ON payment.native_id = payment_id
LEFT JOIN unread_rows ON entity = 'payments' AND unread_rows.native_id = payment_id;

-- name: settle_returns
-- The item of a refund or dispute names it, or else the payment it is of. Of equal returns of one payment nobody knows
-- which item is whose, but when all of their items are in one payout, so are all of them.
WITH named AS (
    SELECT return.side, return.return_id, item.payout_id, item.currency, item.net_minor,
        item.currency = return.currency AND -item.gross_minor = return.amount_minor
            AND count(*) OVER (PARTITION BY return.side, return.return_id) = 1 AS sure
    FROM run_payout_items AS item
    JOIN run_returns AS return ON return.return_id = item.source_id
    WHERE item.gross_minor < 0 AND (item.kind = return.side OR item.kind = 'adjustment')
), item_groups AS (
    SELECT kind, source_id, currency, -gross_minor AS amount_minor, count(*) AS items,
        array_agg(DISTINCT payout_id) AS payouts, min(net_minor) AS net_minor, min(net_minor) = max(net_minor) AS alike
    FROM run_payout_items
    WHERE kind IN ('refund', 'dispute') AND gross_minor < 0 AND source_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM run_returns AS return WHERE return.return_id = source_id)
    GROUP BY kind, source_id, currency, gross_minor
), grouped AS (
    SELECT return.side, return.return_id, unnest(payouts) AS payout_id, return.currency, net_minor,
        alike AND cardinality(payouts) = 1
            AND items = count(*) OVER (
                PARTITION BY return.side, return.payment_id, return.currency, return.amount_minor
            ) AS sure
    FROM run_returns AS return
    JOIN item_groups ON kind = side AND source_id = payment_id
        AND item_groups.currency = return.currency AND item_groups.amount_minor = return.amount_minor
    WHERE NOT EXISTS (SELECT FROM named WHERE named.return_id = return.return_id)
)
INSERT INTO settled_pairs
SELECT 'P0', side, return_id, 'payout', payout_id, found.currency, found.net_minor, found.net_minor + return.amount_minor,
    CASE WHEN found.net_minor <> -return.amount_minor THEN 'fee' ELSE '' END,
    CASE WHEN sure AND return.steady AND payout.steady AND payout.status <> 'CANCELLED' THEN 'posted' ELSE 'suggested' END
FROM (SELECT * FROM named UNION SELECT * FROM grouped) AS found
JOIN run_returns AS return USING (side, return_id)
JOIN run_payouts AS payout USING (payout_id);

-- name: misstated_components
-- Charges a payout states with another amount than the payment has, or that another payout holds as well.
WITH charge AS (
    SELECT source_id AS payment_id, payout_id, min(currency) AS currency, sum(gross_minor)::bigint AS gross_minor,
        count(*) OVER (PARTITION BY source_id) AS payouts
    FROM run_payout_items WHERE kind = 'charge' AND source_id IS NOT NULL
    GROUP BY source_id, payout_id
)
SELECT payout_id, payment_id, charge.currency, charge.gross_minor, payment.amount_minor, payouts,
    payout.arrival_date
FROM charge
JOIN run_payouts AS payout USING (payout_id)
JOIN seen.payments AS payment ON payment.native_id = payment_id AND payment.currency = charge.currency
WHERE payout.steady AND (payouts > 1 OR charge.gross_minor <> payment.amount_minor)
ORDER BY payout_id, payment_id;

-- name: fill_named_payouts
-- A line's reference, or up to four words of it in a row, is a payout's id, whatever the bank made of its case and
-- punctuation. An id of fewer than six letters and digits could be any number.
INSERT INTO named_payouts
WITH words AS (
    SELECT line_id, word, place
    FROM run_bank_lines
    CROSS JOIN LATERAL regexp_split_to_table(reference, '[\s,;:/|()+]+') WITH ORDINALITY AS part (word, place)
    WHERE reference ~ '[\s,;:/|()+]'
), phrases AS (
    SELECT line_id, reference_key AS phrase FROM run_bank_lines
    UNION ALL
    SELECT line_id, recon.text_key(word || array_to_string(next[1:more], ''))
    FROM (
        SELECT line_id, word, ARRAY[lead(word, 1) OVER line, lead(word, 2) OVER line, lead(word, 3) OVER line] AS next
        FROM words WINDOW line AS (PARTITION BY line_id ORDER BY place)
    ) AS followed
    CROSS JOIN generate_series(0, 3) AS more
)
SELECT DISTINCT line_id, payout_id FROM phrases JOIN run_payouts ON payout_key = phrase WHERE length(phrase) >= 6;

-- name: analyse_named_payouts
ANALYZE named_payouts;

-- name: keep_longest_names
-- An id inside a longer one that the line has says nothing.
DELETE FROM named_payouts AS named USING run_payouts AS payout, named_payouts AS other, run_payouts AS longer
WHERE payout.payout_id = named.payout_id AND other.line_id = named.line_id AND longer.payout_id = other.payout_id
    AND length(longer.payout_key) > length(payout.payout_key) AND strpos(longer.payout_key, payout.payout_key) > 0;

-- name: settle_named_payouts
-- One line for one payout, to the minor unit. Several lines that all name one payout and add up to it are its parts, and
-- several payouts that one line names and that add up to it came together (P5). Of lines that each are the whole payout
-- the first is it, and the others are asked about; with money back among them nobody knows.
WITH named AS (
    SELECT line_id, payout_id, payout.currency, net_minor, line.currency AS line_currency, amount_minor, value_date,
        line.currency = payout.currency AND payout.steady AND line.steady
            AND payout.status NOT IN ('FAILED', 'CANCELLED') AS clear,
        count(*) OVER (PARTITION BY line_id) AS payouts, count(*) OVER (PARTITION BY payout_id) AS lines
    FROM named_payouts
    JOIN run_payouts AS payout USING (payout_id)
    JOIN run_bank_lines AS line USING (line_id)
), weighed AS (
    SELECT *,
        bool_and(clear AND payouts = 1) OVER of_payout AS lines_clear, sum(amount_minor) OVER of_payout AS lines_minor,
        bool_and(sign(amount_minor) = sign(net_minor)) OVER of_payout AS one_way,
        row_number() OVER (
            PARTITION BY payout_id, amount_minor = net_minor ORDER BY value_date, line_id
        ) AS place,
        bool_and(clear AND lines = 1) OVER of_line AS payouts_clear, sum(net_minor) OVER of_line AS payouts_minor
    FROM named
    WINDOW of_payout AS (PARTITION BY payout_id), of_line AS (PARTITION BY line_id)
), judged AS (
    SELECT *, CASE
        WHEN lines > 1 AND lines_clear AND lines_minor = net_minor THEN 'parts'
        WHEN lines_clear AND one_way AND amount_minor = net_minor AND place = 1 THEN 'whole'
        WHEN payouts > 1 AND payouts_clear AND payouts_minor = amount_minor THEN 'together'
        ELSE ''
    END AS way
    FROM weighed
)
INSERT INTO settled_pairs
SELECT CASE WHEN way IN ('parts', 'together') THEN 'P5' ELSE 'P1' END,
    'payout', payout_id, 'bank_line', line_id, currency, CASE WHEN way = 'parts' THEN amount_minor ELSE net_minor END,
    CASE WHEN way = '' AND line_currency = currency THEN net_minor - amount_minor ELSE 0 END, '',
    CASE WHEN way <> '' THEN 'posted' ELSE 'suggested' END,
    CASE WHEN way = 'parts' THEN payout_id END
FROM judged;

-- name: converted_payouts
-- Payouts whose one line is in another currency, with the rates of its value date.
WITH clear AS (
    SELECT line_id, payout_id,
        count(*) OVER (PARTITION BY line_id) AS payouts, count(*) OVER (PARTITION BY payout_id) AS lines
    FROM named_payouts
), told AS (
    SELECT rate_date, jsonb_agg(jsonb_build_array(from_currency, to_currency, rate::text) ORDER BY source, rate) AS rates
    FROM seen.fx_rates GROUP BY rate_date
)
SELECT payout_id, line_id, payout.currency, payout.net_minor, line.currency AS received_currency,
    line.amount_minor AS received_minor, line.value_date, coalesce(told.rates, '[]') AS rates
FROM clear
JOIN run_payouts AS payout USING (payout_id)
JOIN run_bank_lines AS line USING (line_id)
LEFT JOIN told ON told.rate_date = line.value_date
WHERE payouts = 1 AND lines = 1 AND line.currency <> payout.currency
    AND payout.steady AND line.steady AND payout.status NOT IN ('FAILED', 'CANCELLED')
ORDER BY payout_id;

-- name: settle_converted_payouts
UPDATE settled_pairs SET rule = 'P3', state = 'posted'
FROM unnest(%(payouts)s::text[]) AS sure (payout_id)
WHERE side_a_type = 'payout' AND side_a_id = payout_id AND side_b_type = 'bank_line';

-- name: fill_bank_pool
INSERT INTO bank_pool (
    line_id, currency, amount_minor, value_date, reference, reference_key, payer_key, steady, names_a_payout
)
SELECT line_id, currency, amount_minor, value_date, reference, reference_key, payer_key, steady,
    EXISTS (SELECT FROM named_payouts WHERE named_payouts.line_id = line.line_id)
FROM run_bank_lines AS line
WHERE NOT EXISTS (
    SELECT FROM settled_pairs WHERE side_b_type = 'bank_line' AND side_b_id = line.line_id AND state = 'posted'
);

-- name: fill_money_on_its_way
-- What should be a line of its own: transfers, which are in no payout and for which the platform took no fee; what went
-- back to who paid so; payouts no line names.
WITH paid_out AS (
    SELECT DISTINCT source_id FROM run_payout_items WHERE kind = 'charge' AND source_id IS NOT NULL
), transfer AS (
    SELECT payment.native_id AS payment_id, currency, amount_minor, paid_on,
        recon.payer_key(payer_text, payer_head, payer_key) AS payer_key,
        CASE WHEN upper(btrim(reference)) <> ALL (%(blank_references)s::text[]) THEN recon.text_key(reference) END
            AS reference_key,
        coalesce(state, 'SUCCEEDED') AS status,
        state IS DISTINCT FROM 'UNKNOWN' AND coalesce(last_in <= recorded_in, true) AS steady
    FROM seen.payments AS payment
    LEFT JOIN unread_rows ON entity = 'payments' AND unread_rows.native_id = payment.native_id
    WHERE coalesce(fee_minor, 0) <= 0
        AND NOT EXISTS (SELECT FROM paid_out WHERE source_id = payment.native_id)
)
INSERT INTO money_on_its_way (
    side, side_id, currency, amount_minor, moved_on, from_date, to_date, reference_key, payer_key, steady
)
SELECT 'payment', payment_id, currency, amount_minor, paid_on,
    paid_on - %(wire_before)s, paid_on + %(wire_after)s, reference_key, payer_key, steady
FROM transfer WHERE amount_minor <> 0 AND status IN ('SUCCEEDED', 'REVERSED', 'UNKNOWN')
UNION ALL
SELECT 'refund', return_id, return.currency, -return.amount_minor, returned_on,
    returned_on - %(wire_before)s, returned_on + %(wire_after)s, NULL, payer_key, return.steady
FROM run_returns AS return JOIN transfer USING (payment_id)
WHERE side = 'refund' AND return.amount_minor <> 0 AND (moves_money OR NOT return.steady)
    AND NOT EXISTS (
        SELECT FROM settled_pairs WHERE side_a_type = 'refund' AND side_a_id = return_id AND side_b_type = 'payout'
    )
UNION ALL
SELECT 'payout', payout_id, currency, net_minor, arrival_date,
    arrival_date, arrival_date + %(payout_after)s, NULL, NULL, steady
FROM run_payouts
WHERE net_minor <> 0 AND status NOT IN ('FAILED', 'CANCELLED')
    AND NOT EXISTS (SELECT FROM named_payouts WHERE named_payouts.payout_id = run_payouts.payout_id)
    AND NOT EXISTS (
        SELECT FROM settled_pairs
        WHERE side_a_type = 'payout' AND side_a_id = payout_id AND side_b_type = 'bank_line' AND rule = 'manual'
    );

-- name: fill_money_by_day
-- Days are listed, not compared: equality is what keeps the joins from growing with the square of a price's sales. What
-- no line of the bank equals is left out.
INSERT INTO money_by_day
SELECT side, side_id, currency, amount_minor, generate_series(from_date, to_date, '1 day')::date, payer_key, payer_head
FROM money_on_its_way JOIN (SELECT DISTINCT currency, amount_minor FROM bank_pool) AS lines USING (currency, amount_minor);

-- name: analyse_bank_pool
ANALYZE named_payouts, money_on_its_way, money_by_day, bank_pool, settled_pairs;

-- name: fill_bank_pairs
-- Who could be which line: the same amount about the same day, and nothing in the texts against it. Payers agree when
-- one's name is the start of the other's, for banks cut names; a name of fewer than 16 letters must be the same.
-- A line that names a payout is nothing else.
WITH pair AS (
    SELECT side, side_id, line_id, true AS payer_agrees
    FROM money_by_day AS moved JOIN bank_pool AS line USING (currency, amount_minor, value_date, payer_head)
    WHERE NOT names_a_payout
        AND (starts_with(moved.payer_key, line.payer_key) OR starts_with(line.payer_key, moved.payer_key))
    UNION ALL
    SELECT side, side_id, line_id, false
    FROM money_by_day AS moved JOIN bank_pool AS line USING (currency, amount_minor, value_date)
    WHERE NOT names_a_payout AND line.payer_key IS NULL AND moved.payer_key IS NOT NULL
    UNION ALL
    SELECT side, side_id, line_id, false
    FROM money_by_day AS moved JOIN bank_pool AS line USING (currency, amount_minor, value_date)
    WHERE NOT names_a_payout AND moved.payer_key IS NULL
), compared AS (
    SELECT pair.side, pair.side_id, pair.line_id, moved_on, value_date, moved.currency, moved.amount_minor, payer_agrees,
        moved.steady AND line.steady AS steady,
        CASE
            WHEN moved.reference_key = line.reference_key THEN 3
            WHEN moved.reference_key IS NULL AND line.reference_key IS NULL THEN 1
            WHEN moved.reference_key IS NULL OR line.reference_key IS NULL THEN 0
            WHEN least(length(moved.reference_key), length(line.reference_key)) >= 5 AND (
                strpos(moved.reference_key, line.reference_key) > 0
                OR strpos(line.reference_key, moved.reference_key) > 0
            ) THEN 2
        END AS likeness  -- of their references; null: they speak against each other
    FROM pair
    JOIN money_on_its_way AS moved USING (side, side_id)
    JOIN bank_pool AS line USING (line_id)
)
INSERT INTO bank_pairs
SELECT side, side_id, line_id, moved_on, value_date, likeness IS NOT NULL,
    steady AND likeness IS NOT NULL
        -- Where only amount and day speak, a row nobody could read may be the one.
        AND (likeness >= 2 OR payer_agrees OR NOT EXISTS (
            SELECT FROM seen.quarantine
            WHERE quarantine.entity IN ('payments', 'refunds', 'payouts', 'bank_lines')
                AND coalesce(quarantine.currency, compared.currency) = compared.currency
                AND coalesce(abs(quarantine.amount_minor), abs(compared.amount_minor)) = abs(compared.amount_minor)
        )),
    4 * coalesce(likeness, 0) + 2 * (moved_on = value_date)::int + payer_agrees::int
FROM compared;

-- name: forget_payouts_from_payers
-- A line whose payer pays by transfer is not a payout that it does not name.
DELETE FROM bank_pairs USING bank_pool AS line
WHERE side = 'payout' AND line.line_id = bank_pairs.line_id
    AND EXISTS (SELECT FROM money_on_its_way AS other WHERE other.payer_head = line.payer_head);

-- name: analyse_bank_pairs
ANALYZE bank_pairs;

-- name: find_likely_pairs
-- Of all that fit, the one that is most like the line, and the line most like it, with none as much.
INSERT INTO likely_pairs
SELECT side, side_id, line_id, moved_on, value_date, fits, postable, likeness FROM (
    SELECT *,
        rank() OVER of_side AS side_place, count(*) OVER (PARTITION BY side, side_id, likeness) AS side_ties,
        rank() OVER of_line AS line_place, count(*) OVER (PARTITION BY line_id, likeness) AS line_ties
    FROM bank_pairs WHERE fits
    WINDOW of_side AS (PARTITION BY side, side_id ORDER BY likeness DESC),
        of_line AS (PARTITION BY line_id ORDER BY likeness DESC)
) AS ranked
WHERE side_place = 1 AND side_ties = 1 AND line_place = 1 AND line_ties = 1;

-- name: analyse_likely_pairs
ANALYZE likely_pairs;

-- name: doubt_likely_pairs
-- A pair is in doubt while something else that fits one of the two has no likely pair of its own, or one in doubt: then
-- it may be that one's. The same reference on the same day (likeness 14 and more) is beyond doubt.
WITH RECURSIVE rivalry AS MATERIALIZED (
    SELECT likely.line_id, other.line_id AS paired_with
    FROM likely_pairs AS likely
    JOIN bank_pairs AS rival ON rival.fits AND rival.side = likely.side AND rival.side_id = likely.side_id
        AND rival.line_id <> likely.line_id
    LEFT JOIN likely_pairs AS other ON other.line_id = rival.line_id
    WHERE likely.likeness < 14
    UNION
    SELECT likely.line_id, other.line_id
    FROM likely_pairs AS likely
    JOIN bank_pairs AS rival ON rival.fits AND rival.line_id = likely.line_id
        AND (rival.side, rival.side_id) <> (likely.side, likely.side_id)
    LEFT JOIN likely_pairs AS other ON other.side = rival.side AND other.side_id = rival.side_id
    WHERE likely.likeness < 14
), doubted AS (
    SELECT line_id FROM rivalry WHERE paired_with IS NULL
    UNION
    SELECT rivalry.line_id FROM doubted JOIN rivalry ON rivalry.paired_with = doubted.line_id
)
DELETE FROM likely_pairs USING doubted WHERE doubted.line_id = likely_pairs.line_id;

-- name: settle_likely_pairs
INSERT INTO settled_pairs
SELECT CASE WHEN likeness >= 12 THEN 'P1' WHEN likeness >= 8 THEN 'P2' ELSE 'P4' END,
    side, side_id, 'bank_line', line_id, currency, amount_minor, 0, '', 'posted'
FROM likely_pairs JOIN money_on_its_way USING (side, side_id)
WHERE postable;

-- name: remove_pairs_of_settled_lines
DELETE FROM bank_pairs USING likely_pairs AS settled
WHERE settled.postable AND settled.line_id = bank_pairs.line_id;

-- name: remove_pairs_of_settled_money
DELETE FROM bank_pairs USING likely_pairs AS settled
WHERE settled.postable AND settled.side = bank_pairs.side AND settled.side_id = bank_pairs.side_id;

-- name: remove_settled_money
DELETE FROM money_on_its_way USING likely_pairs AS settled
WHERE settled.postable AND settled.side = money_on_its_way.side AND settled.side_id = money_on_its_way.side_id;

-- name: remove_settled_lines
DELETE FROM bank_pool USING likely_pairs AS settled
WHERE settled.postable AND settled.line_id = bank_pool.line_id;

-- name: forget_likely_pairs
TRUNCATE likely_pairs;

-- name: suggest_bank_pairs
-- Up to five candidates each, the likeliest first.
INSERT INTO settled_pairs
SELECT 'P4', side, side_id, 'bank_line', line_id, currency, amount_minor, 0, '', 'suggested'
FROM (
    SELECT *, row_number() OVER (
        PARTITION BY side, side_id ORDER BY fits DESC, likeness DESC, value_date, line_id
    ) AS place
    FROM bank_pairs
) AS candidate
JOIN money_on_its_way USING (side, side_id)
WHERE place <= 5;

-- name: lonely_money
-- What nothing is like, on the days that have both such lines and such money.
WITH lonely AS (
    SELECT 'bank_line' AS side, line_id AS side_id, currency, amount_minor, value_date AS day
    FROM bank_pool
    WHERE steady AND NOT names_a_payout AND amount_minor <> 0
        AND NOT EXISTS (SELECT FROM bank_pairs WHERE bank_pairs.line_id = bank_pool.line_id)
    UNION ALL
    SELECT side, side_id, currency, amount_minor, moved_on
    FROM money_on_its_way AS money
    WHERE steady AND NOT EXISTS (
        SELECT FROM bank_pairs WHERE bank_pairs.side = money.side AND bank_pairs.side_id = money.side_id
    )
)
SELECT side, side_id, currency, amount_minor, day
FROM (
    SELECT *, count(*) FILTER (WHERE side = 'bank_line') OVER same_day AS lines, count(*) OVER same_day AS items
    FROM lonely WINDOW same_day AS (PARTITION BY currency, day, sign(amount_minor))
) AS counted
WHERE lines > 0 AND items > lines AND items > 2
ORDER BY currency, day, side, side_id;

-- name: keep_settled_pairs
-- One match per payout and kind of component, and one per line of the bank, or lines that are one payout together; its
-- id comes from what it joins.
WITH match AS (
    SELECT side_a_type, side_b_type, coalesce(together, side_b_id) AS joined, state,
        recon.match_id('R4',
            side_a_type || '|' || coalesce(min(together) || '|' || string_agg(side_b_id, '|' ORDER BY side_b_id), min(side_b_id))
            || '|' || state || '|' || string_agg(DISTINCT side_a_id, '|' ORDER BY side_a_id)
        ) AS match_id
    FROM settled_pairs
    GROUP BY side_a_type, side_b_type, coalesce(together, side_b_id), state
)
INSERT INTO recon.matches
SELECT %(run_id)s, match_id, 'R4', rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor,
    residual_minor, residual_reason, state
FROM settled_pairs JOIN match USING (side_a_type, side_b_type, state)
WHERE joined = coalesce(together, side_b_id);

-- name: sides_seen
-- From when on each side has history; null when nobody loaded it, and then nothing can be missing there.
SELECT (SELECT min(value_date) FROM run_bank_lines) AS bank_from,
    (SELECT min(arrival_date) FROM run_payouts WHERE EXISTS (SELECT FROM run_payout_items)) AS payouts_from,
    least((SELECT min(arrival_date) FROM run_payouts), (SELECT min(paid_on) FROM seen.payments)) AS money_from,
    EXISTS (SELECT FROM run_payout_items) OR NOT EXISTS (SELECT FROM run_payouts) AS payouts_told,
    (
        SELECT count(*) FROM seen.quarantine WHERE entity IN ('payments', 'refunds', 'payouts', 'payout_items')
    ) AS unread_money,
    (SELECT count(*) FROM seen.quarantine WHERE entity = 'bank_lines') AS unread_lines;

-- name: items_without_payout
-- Items of payouts nobody told us of: neither known, nor to come, nor in quarantine. Where no payouts are loaded at all
-- none is missing.
SELECT payout_id, count(*) AS items, array_agg(DISTINCT currency::text ORDER BY currency::text) AS currencies,
    sum(net_minor)::bigint AS net_minor
FROM run_payout_items AS item
WHERE EXISTS (SELECT FROM run_payouts)
    AND NOT EXISTS (
        SELECT FROM canonical.payouts
        WHERE payouts.native_id = item.payout_id
            AND payouts.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    )
    AND NOT EXISTS (
        SELECT FROM seen.quarantine WHERE entity = 'payouts' AND quarantine.native_id = item.payout_id
    )
GROUP BY payout_id ORDER BY payout_id;

-- name: payouts_not_in_bank
-- Payouts that should have arrived, with what the lines that name them say; converted ones have a break of their own.
SELECT payout.payout_id, payout.currency, payout.net_minor, payout.arrival_date, payout.status,
    coalesce(string_agg(
        line.line_id || ' of ' || line.value_date, ', ' ORDER BY line.value_date, line.line_id
    ), '') AS named_by,
    coalesce(sum(line.amount_minor) FILTER (WHERE line.currency = payout.currency), 0)::bigint AS named_minor
FROM run_payouts AS payout
LEFT JOIN named_payouts USING (payout_id)
LEFT JOIN run_bank_lines AS line USING (line_id)
WHERE payout.steady AND net_minor <> 0 AND status NOT IN ('FAILED', 'CANCELLED')
    AND arrival_date >= %(bank_from)s
    AND payout.payout_id <> ALL (%(judged)s::text[])
    AND NOT EXISTS (
        SELECT FROM settled_pairs
        WHERE side_a_type = 'payout' AND side_a_id = payout.payout_id AND side_b_type = 'bank_line' AND state = 'posted'
    )
GROUP BY payout.payout_id
ORDER BY payout.payout_id;

-- name: failed_payouts_not_sent_again
-- Their money is back in the balance; a later payout has an item that says it takes it along.
SELECT payout_id, currency, net_minor, arrival_date
FROM run_payouts AS failed
WHERE status = 'FAILED' AND steady AND net_minor <> 0 AND arrival_date < %(before)s
    AND NOT EXISTS (
        SELECT FROM run_payout_items AS item
        LEFT JOIN run_payouts AS later ON later.payout_id = item.payout_id
        WHERE item.kind = 'payout_failure' AND item.payout_id <> failed.payout_id
            AND (item.source_id = failed.payout_id
                OR item.currency = failed.currency AND item.net_minor = failed.net_minor
                    AND coalesce(later.arrival_date, failed.arrival_date) >= failed.arrival_date)
    )
ORDER BY payout_id;

-- name: transactions_in_no_payout
-- Charges and what was taken back of them, known to no payout though one has been due.
WITH item AS (
    SELECT DISTINCT source_id FROM run_payout_items WHERE source_id IS NOT NULL
), charge AS (
    SELECT payment.native_id AS payment_id, currency, amount_minor, paid_on, fee_minor,
        coalesce(state, 'SUCCEEDED') = 'SUCCEEDED' AND coalesce(last_in <= recorded_in, true) AS settled,
        source_id IS NOT NULL AS paid_out
    FROM seen.payments AS payment
    LEFT JOIN item ON source_id = payment.native_id
    LEFT JOIN unread_rows ON entity = 'payments' AND unread_rows.native_id = payment.native_id
)
SELECT 'payment' AS side, payment_id AS side_id, currency, amount_minor, paid_on AS moved_on
FROM charge WHERE fee_minor > 0 AND settled AND NOT paid_out AND paid_on BETWEEN %(payouts_from)s AND %(until)s
UNION ALL
SELECT side, return_id, return.currency, -return.amount_minor, returned_on
FROM run_returns AS return JOIN charge USING (payment_id)
WHERE (fee_minor > 0 OR paid_out) AND moves_money AND steady
    AND returned_on BETWEEN %(payouts_from)s AND %(until)s
    AND NOT EXISTS (SELECT FROM item WHERE source_id = return_id)
    AND NOT EXISTS (SELECT FROM settled_pairs WHERE side_a_type = side AND side_a_id = return_id)
    AND NOT EXISTS (
        SELECT FROM run_payout_items AS announced
        WHERE announced.kind = side AND announced.source_id = payment_id AND -announced.gross_minor = return.amount_minor
            AND NOT EXISTS (SELECT FROM run_payouts WHERE run_payouts.payout_id = announced.payout_id)
    )
ORDER BY side, side_id;

-- name: transfers_not_in_bank
-- Transfers no line of the bank can be, or that are more than the lines that they all could be.
WITH candidates AS (
    SELECT side, side_id, string_agg(line_id, '|' ORDER BY line_id) AS lines, count(*) AS line_count
    FROM bank_pairs JOIN money_on_its_way USING (side, side_id) WHERE steady GROUP BY side, side_id
), crowded AS (
    SELECT side, side_id, line_count, count(*) OVER (PARTITION BY lines) AS crowd FROM candidates
)
SELECT side, side_id, currency, amount_minor, moved_on, coalesce(line_count, 0) AS candidates
FROM money_on_its_way LEFT JOIN crowded USING (side, side_id)
WHERE side <> 'payout' AND steady AND moved_on >= %(bank_from)s AND to_date < %(as_of)s
    AND (line_count IS NULL OR crowd > line_count)
ORDER BY side, side_id;

-- name: transfers_in_transit
-- Transfers the bank may still show: at the end of a period, what is booked on one side of it.
SELECT side, side_id, currency, amount_minor, moved_on
FROM money_on_its_way AS money
WHERE side <> 'payout' AND steady AND moved_on >= %(bank_from)s AND to_date >= %(as_of)s
    AND NOT EXISTS (
        SELECT FROM bank_pairs WHERE bank_pairs.side = money.side AND bank_pairs.side_id = money.side_id
    )
ORDER BY side, side_id;

-- name: unexplained_bank_lines
-- Lines nothing can be, or that are more than what they all could be; and those that name a payout that did not go
-- through, unless the money came back, or one that has arrived by another. One that names a living payout that has not
-- arrived is shown with that payout's break.
WITH candidates AS (
    SELECT line_id, string_agg(side || ' ' || side_id, ', ' ORDER BY side, side_id) AS sides, count(*) AS side_count
    FROM bank_pairs JOIN bank_pool USING (line_id) WHERE steady GROUP BY line_id
), crowded AS (
    SELECT *, count(*) OVER (PARTITION BY sides) AS crowd FROM candidates
), named AS (
    SELECT line_id, payout_id, status, EXISTS (
            SELECT FROM settled_pairs
            WHERE side_a_type = 'payout' AND side_a_id = payout_id AND side_b_type = 'bank_line' AND state = 'posted'
        ) AS arrived,
        sum(line.amount_minor) OVER (PARTITION BY payout_id, line.currency) AS left_minor,
        count(*) FILTER (
            WHERE line.currency = payout.currency AND line.amount_minor = payout.net_minor
        ) OVER (PARTITION BY payout_id) AS full_lines
    FROM named_payouts
    JOIN run_payouts AS payout USING (payout_id)
    JOIN run_bank_lines AS line USING (line_id)
)
SELECT line_id, currency, amount_minor, value_date, reference, coalesce(sides, '') AS candidates,
    coalesce(payouts, '') AS names
FROM bank_pool AS line
LEFT JOIN crowded USING (line_id)
LEFT JOIN (
    SELECT line_id, string_agg(payout_id, ', ' ORDER BY payout_id) AS payouts FROM named GROUP BY line_id
) AS names USING (line_id)
WHERE value_date >= %(money_from)s AND steady AND amount_minor <> 0
    AND (amount_minor > 0 OR %(unexplained_debits)s)
    AND (side_count IS NULL OR crowd > side_count)
    AND NOT EXISTS (
        SELECT FROM named
        WHERE named.line_id = line.line_id
            AND CASE WHEN status IN ('FAILED', 'CANCELLED') THEN left_minor = 0 ELSE full_lines <= 1 AND NOT arrived END
    )
ORDER BY line_id;

-- name: decided_payouts
-- The fates of what was loaded, each from where it is decided, so that a hole between them shows.
SELECT currency, 'matched' AS fate, sum(net_minor) AS amount_minor
FROM run_payouts AS payout
WHERE EXISTS (
    SELECT FROM settled_pairs
    WHERE side_a_type = 'payout' AND side_a_id = payout_id AND side_b_type = 'bank_line' AND state = 'posted'
)
GROUP BY currency
UNION ALL
SELECT currency, 'open', sum(net_minor) FROM run_payouts AS payout
WHERE status NOT IN ('FAILED', 'CANCELLED') AND NOT EXISTS (
    SELECT FROM settled_pairs
    WHERE side_a_type = 'payout' AND side_a_id = payout_id AND side_b_type = 'bank_line' AND state = 'posted'
)
GROUP BY currency
UNION ALL
SELECT currency, 'excluded', sum(net_minor) FROM seen.payouts WHERE state IN ('FAILED', 'CANCELLED') GROUP BY currency;

-- name: decided_payout_items
-- An item is accounted for when its payout is the sum of its items.
WITH netted AS (
    SELECT payout_id FROM run_payouts JOIN payout_sums USING (payout_id)
    WHERE steady AND foreign_items = 0 AND nets_minor = net_minor
)
SELECT currency, CASE WHEN netted.payout_id IS NULL THEN 'open' ELSE 'matched' END AS fate, sum(net_minor) AS amount_minor
FROM run_payout_items LEFT JOIN netted USING (payout_id)
GROUP BY 1, 2;

-- name: decided_bank_lines
SELECT currency, 'matched' AS fate, sum(amount_minor) AS amount_minor
FROM run_bank_lines AS line
WHERE EXISTS (
    SELECT FROM settled_pairs WHERE side_b_type = 'bank_line' AND side_b_id = line_id AND state = 'posted'
)
GROUP BY currency
UNION ALL
SELECT currency, 'open', sum(amount_minor) FROM bank_pool GROUP BY currency;
