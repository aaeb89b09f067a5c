-- A deal's lines as they are: those that landed, or all that a look at the deal found after those were pulled. A look lists
-- a deal's lines whole, under the deal's id, so that one that was removed is missing from it.
CREATE FUNCTION delivery.deal_lines(deal text) RETURNS SETOF canonical.deal_lines STABLE LANGUAGE sql AS $$
    WITH newest AS (
        SELECT max(greatest(recorded_in, superseded_in)) AS batch FROM canonical.deal_lines WHERE opportunity_id = deal
    ), seen AS (
        SELECT facts FROM delivery.looked_at, newest
        WHERE source = 'salesforce' AND entity = 'lines_of_deals' AND native_id = deal
            AND looked_at >= coalesce(delivery.pulled_at(newest.batch, 'deal_lines'), '-infinity')
    )
    SELECT landed.* FROM canonical.deal_lines AS landed
    WHERE opportunity_id = deal AND superseded_in IS NULL AND NOT EXISTS (SELECT FROM seen)
    UNION ALL
    SELECT line.* FROM seen, jsonb_populate_recordset(NULL::canonical.deal_lines, facts -> 'lines') AS line
$$;
