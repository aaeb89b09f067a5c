-- 460_limits_in_force.sql wrote the rules of 401_roles.sql anew under the name that has meant more since 441_broker.sql, and so
-- let who reads and who decides at the tokens. Both hold again: the workers' rules of then, and that tokens are the broker's.

DROP FUNCTION ops.privileges_of_workers(text, name, name, boolean, boolean);
ALTER FUNCTION ops.privileges(text, name, name, boolean, boolean) RENAME TO privileges_of_workers;

CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN held = 'vault' AND tab = 'tokens' THEN ''
        ELSE ops.privileges_of_workers(role, held, tab, changes => changes, removals => removals) END
$$;

DO $$
DECLARE
    worker text;
BEGIN
    FOR worker IN
        SELECT rolname FROM pg_roles
        WHERE rolname IN ('tieout_ingest', 'tieout_app', 'tieout_send', 'tieout_console', 'tieout_auditor')
    LOOP
        EXECUTE format('REVOKE ALL ON vault.tokens FROM %I', worker);
    END LOOP;
END $$;
