-- What the lane asks many times a second, found without reading what else there is.

CREATE INDEX ON delivery.looked_at (entity, native_id);
CREATE INDEX ON delivery.outbox (kind, finished_at) WHERE state = 'confirmed';

-- What landed after a place, in the order in which it is told: batch by batch, and in each by `entity/id`.
CREATE INDEX payments_landed_idx ON canonical.payments (recorded_in, ('payments/' || native_id)) WHERE superseded_in IS NULL;
CREATE INDEX refunds_landed_idx ON canonical.refunds (recorded_in, ('refunds/' || native_id)) WHERE superseded_in IS NULL;
CREATE INDEX disputes_landed_idx ON canonical.disputes (recorded_in, ('disputes/' || native_id)) WHERE superseded_in IS NULL;
CREATE INDEX credit_notes_landed_idx ON canonical.credit_notes (recorded_in, ('credit_notes/' || native_id))
WHERE superseded_in IS NULL;
CREATE INDEX invoices_landed_idx ON canonical.invoices (recorded_in, ('invoices/' || native_id)) WHERE superseded_in IS NULL;

-- As before, of some deals alone when they are named: whatever else was looked at is not unpacked then.
DROP FUNCTION delivery.deals();
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
