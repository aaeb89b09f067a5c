-- What landed without a page of its own (a record taken back from quarantine) is as of its batch: of it and of a look one is
-- always the newer, so that no payment counts twice and none is missing.
CREATE OR REPLACE FUNCTION delivery.pulled_at(batch bigint, entity_name text) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT coalesce(
        (SELECT min(pulls.pulled_at) FROM ops.pulls WHERE pulls.landed_in = $1 AND pulls.entity = $2),
        (SELECT batches.recorded_at FROM ops.batches WHERE batches.batch = $1)
    )
$$;
