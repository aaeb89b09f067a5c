-- Runs of the fast lane: one works until a later one has begun, so that between two there is no gap.
CREATE TABLE delivery.lanes (
    lane_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT ops.clock()
);

-- Deals as they are: what was pulled and landed, or what was looked at since that was pulled. A deal whose account has not
-- landed waits for it: nothing is known of whom it would be billed to. `looked`: its landed history ends before this.
CREATE VIEW delivery.deals AS
SELECT native_id, false AS looked, row_hash, name, owner_id, account_id, amount_minor, currency::text, discount_percent,
    approval_level, term_months, close_date, product, erp_order_id, is_won, is_closed
FROM canonical.opportunities AS landed
WHERE superseded_in IS NULL AND NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND seen.native_id = landed.native_id
        AND seen.looked_at >= delivery.pulled_at(recorded_in, 'opportunities')
)
UNION ALL
SELECT native_id, true, facts ->> 'row_hash', facts ->> 'name', facts ->> 'owner_id', facts ->> 'account_id',
    (facts ->> 'amount_minor')::bigint, facts ->> 'currency', (facts ->> 'discount_percent')::numeric,
    facts ->> 'approval_level', (facts ->> 'term_months')::int, (facts ->> 'close_date')::date, facts ->> 'product',
    facts ->> 'erp_order_id', (facts ->> 'is_won')::boolean, (facts ->> 'is_closed')::boolean
FROM delivery.looked_at AS seen
WHERE source = 'salesforce' AND entity = 'opportunities' AND NOT gone
    AND NOT EXISTS (
        SELECT FROM canonical.opportunities AS landed
        WHERE landed.native_id = seen.native_id AND superseded_in IS NULL
            AND seen.looked_at < delivery.pulled_at(recorded_in, 'opportunities')
    )
    AND (facts ->> 'account_id' IS NULL OR EXISTS (
        SELECT FROM canonical.accounts AS account
        WHERE account.native_id = seen.facts ->> 'account_id' AND account.superseded_in IS NULL
    ));
