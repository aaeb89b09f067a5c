-- Which deals are won is asked of all there are; what is known of a deal only of those that something is missing of.
CREATE FUNCTION delivery.won_deals(wanted text[]) RETURNS TABLE (native_id text, erp_order_id text) STABLE LANGUAGE sql AS $$
    SELECT landed.native_id, landed.erp_order_id FROM canonical.opportunities AS landed
    WHERE superseded_in IS NULL AND is_won AND is_closed AND (wanted IS NULL OR landed.native_id = ANY (wanted))
        AND NOT EXISTS (
            SELECT FROM delivery.looked_at AS seen
            WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND seen.native_id = landed.native_id
                AND seen.looked_at >= landed.stated_at
        )
    UNION ALL
    SELECT seen.native_id, seen.facts ->> 'erp_order_id' FROM delivery.looked_at AS seen
    WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND NOT seen.gone
        AND seen.facts ->> 'is_won' = 'true' AND seen.facts ->> 'is_closed' = 'true'
        AND (wanted IS NULL OR seen.native_id = ANY (wanted))
        AND NOT EXISTS (
            SELECT FROM canonical.opportunities AS landed
            WHERE landed.native_id = seen.native_id AND landed.superseded_in IS NULL
                AND seen.looked_at < landed.stated_at
        )
        AND NOT EXISTS (
            SELECT FROM canonical.gone
            WHERE gone.entity = 'opportunities' AND gone.native_id = seen.native_id AND seen.looked_at < gone.stated_at
        )
        AND (seen.facts ->> 'account_id' IS NULL OR EXISTS (
            SELECT FROM canonical.accounts AS account
            WHERE account.native_id = seen.facts ->> 'account_id' AND account.superseded_in IS NULL
        ))
$$;

CREATE INDEX opportunities_won_idx ON canonical.opportunities (native_id) INCLUDE (stated_at, erp_order_id)
WHERE superseded_in IS NULL AND is_won AND is_closed;
CREATE INDEX looked_at_won_idx ON delivery.looked_at (native_id)
WHERE source = 'salesforce' AND entity = 'opportunities' AND NOT gone AND facts ->> 'is_won' = 'true'
    AND facts ->> 'is_closed' = 'true';

-- As before, of these deals alone.
CREATE OR REPLACE FUNCTION delivery.deals(wanted text[]) RETURNS SETOF canonical.opportunities STABLE LANGUAGE sql AS $$
    SELECT landed.* FROM canonical.opportunities AS landed
    WHERE superseded_in IS NULL AND landed.native_id = ANY (wanted) AND NOT EXISTS (
        SELECT FROM delivery.looked_at AS seen
        WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND seen.native_id = landed.native_id
            AND seen.looked_at >= landed.stated_at
    )
    UNION ALL
    SELECT deal.* FROM delivery.looked_at AS seen, jsonb_populate_record(
        NULL::canonical.opportunities, seen.facts || jsonb_build_object('native_id', seen.native_id)
    ) AS deal
    WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND NOT seen.gone
        AND seen.native_id = ANY (wanted)
        AND NOT EXISTS (
            SELECT FROM canonical.opportunities AS landed
            WHERE landed.native_id = seen.native_id AND landed.superseded_in IS NULL
                AND seen.looked_at < landed.stated_at
        )
        AND NOT EXISTS (
            SELECT FROM canonical.gone
            WHERE gone.entity = 'opportunities' AND gone.native_id = seen.native_id AND seen.looked_at < gone.stated_at
        )
        AND (deal.account_id IS NULL OR EXISTS (
            SELECT FROM canonical.accounts AS account
            WHERE account.native_id = deal.account_id AND account.superseded_in IS NULL
        ))
$$;
