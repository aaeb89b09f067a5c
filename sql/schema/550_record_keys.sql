-- What a record alone says of somebody is stood for by what a key of that record makes of it. So a value that changed
-- stands out, whatever its version, and once the key is destroyed nobody can guess the value by what stands for it.

-- The keys of records by what stands for them: wrapped, and nothing else of what is sealed. Runs as the owner; tieout_ingest
-- may call it.
CREATE FUNCTION vault.record_keys(tokens text[]) RETURNS SETOF vault.sealed STABLE LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM vault.sealed WHERE token = ANY (tokens) AND field = '~key'
$$;
