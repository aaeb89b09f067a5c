-- Runs of the fast lane: one works until a later one has begun, so that between two there is no gap.
CREATE TABLE delivery.lanes (
    lane_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT ops.clock()
);

-- Deals as they are: what was pulled and landed, or what was looked at since that was pulled, which has no batch yet. A
-- deal whose account has not landed waits for it: nothing is known of whom it would be billed to. Of some deals alone when
-- they are `wanted`: whatever else was looked at is not unpacked then. (A function, so that it has whatever columns the
-- table has by now.)
CREATE FUNCTION delivery.deals(wanted text[]) RETURNS SETOF canonical.opportunities STABLE LANGUAGE sql AS $$
    SELECT landed.* FROM canonical.opportunities AS landed
    WHERE superseded_in IS NULL AND (wanted IS NULL OR landed.native_id = ANY (wanted)) AND NOT EXISTS (
        SELECT FROM delivery.looked_at AS seen
        WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND seen.native_id = landed.native_id
            AND seen.looked_at >= delivery.pulled_at(landed.recorded_in, 'opportunities')
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
                AND seen.looked_at < delivery.pulled_at(landed.recorded_in, 'opportunities')
        )
        AND (deal.account_id IS NULL OR EXISTS (
            SELECT FROM canonical.accounts AS account
            WHERE account.native_id = deal.account_id AND account.superseded_in IS NULL
        ))
$$;
