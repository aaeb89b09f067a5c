-- A batch lands pages that were asked for at different times, and a look between two of them is older than what the later
-- one states: of a row and a look the newer counts, so that a row is as of the last page of its batch that states it.
CREATE FUNCTION delivery.stated_at(batch bigint, entity_name text, id text) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT coalesce(
        (
            SELECT max(pulls.pulled_at)
            FROM ops.pulls
            JOIN raw.records AS stated ON stated.system = pulls.system AND stated.entity = pulls.entity
                AND stated.native_id = $3 AND stated.pull_id = pulls.pull_id
            WHERE pulls.landed_in = $1 AND pulls.entity = $2
        ),
        delivery.pulled_at($1, $2)
    )
$$;

CREATE OR REPLACE FUNCTION delivery.deals(wanted text[]) RETURNS SETOF canonical.opportunities STABLE LANGUAGE sql AS $$
    SELECT landed.* FROM canonical.opportunities AS landed
    WHERE superseded_in IS NULL AND (wanted IS NULL OR landed.native_id = ANY (wanted)) AND NOT EXISTS (
        SELECT FROM delivery.looked_at AS seen
        WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND seen.native_id = landed.native_id
            AND seen.looked_at >= delivery.stated_at(landed.recorded_in, 'opportunities', landed.native_id)
    )
    UNION ALL
    SELECT deal.* FROM delivery.looked_at AS seen, jsonb_populate_record(
        NULL::canonical.opportunities, seen.facts || jsonb_build_object('native_id', seen.native_id)
    ) AS deal
    WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND NOT seen.gone
        AND (wanted IS NULL OR seen.native_id = ANY (wanted))
        AND NOT EXISTS (
            SELECT FROM canonical.opportunities AS landed
            WHERE landed.native_id = seen.native_id AND landed.superseded_in IS NULL
                AND seen.looked_at < delivery.stated_at(landed.recorded_in, 'opportunities', landed.native_id)
        )
        AND (deal.account_id IS NULL OR EXISTS (
            SELECT FROM canonical.accounts AS account
            WHERE account.native_id = deal.account_id AND account.superseded_in IS NULL
        ))
$$;

CREATE OR REPLACE VIEW delivery.payments AS
SELECT native_id, currency::text, amount_minor, status, invoice_id, customer_id FROM canonical.payments AS landed
WHERE superseded_in IS NULL AND NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = 'payments' AND seen.native_id = landed.native_id
        AND seen.looked_at >= delivery.stated_at(recorded_in, 'payments', landed.native_id)
)
UNION ALL
SELECT native_id, facts ->> 'currency', (facts ->> 'amount_minor')::bigint, facts ->> 'status', facts ->> 'invoice_id',
    facts ->> 'customer_id'
FROM delivery.looked_at AS seen
WHERE entity = 'payments' AND NOT gone AND NOT EXISTS (
    SELECT FROM canonical.payments AS landed
    WHERE landed.native_id = seen.native_id AND superseded_in IS NULL
        AND seen.looked_at < delivery.stated_at(recorded_in, 'payments', landed.native_id)
);

CREATE OR REPLACE VIEW delivery.returns AS
WITH landed AS (
    SELECT 'refunds' AS entity, native_id, payment_id, currency::text, amount_minor, status, recorded_in
    FROM canonical.refunds WHERE superseded_in IS NULL
    UNION ALL
    SELECT 'disputes', native_id, payment_id, currency::text, amount_minor, status, recorded_in
    FROM canonical.disputes WHERE superseded_in IS NULL
)
SELECT entity, native_id, payment_id, currency, amount_minor, status FROM landed
WHERE NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = landed.entity AND seen.native_id = landed.native_id
        AND seen.looked_at >= delivery.stated_at(recorded_in, landed.entity, landed.native_id)
)
UNION ALL
SELECT entity, native_id, facts ->> 'payment_id', facts ->> 'currency', (facts ->> 'amount_minor')::bigint, facts ->> 'status'
FROM delivery.looked_at AS seen
WHERE entity IN ('refunds', 'disputes') AND NOT gone AND NOT EXISTS (
    SELECT FROM landed
    WHERE landed.entity = seen.entity AND landed.native_id = seen.native_id
        AND seen.looked_at < delivery.stated_at(recorded_in, landed.entity, landed.native_id)
);
