-- tieout_broker: who keeps tokens, and does nothing else. Every process that calls a system by OAuth2 works as it for that
-- moment, and no other role sees the tokens: so a process needs no right to open what else is sealed.

-- What a role may do with a table: as in 401_roles.sql, and less where it said too much.
ALTER FUNCTION ops.privileges(text, name, name, boolean, boolean) RENAME TO privileges_of_workers;

CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE
        WHEN held = 'vault' AND tab = 'tokens' THEN ''
        -- Who receives values seals them, and reads none.
        WHEN held = 'vault' AND role = 'tieout_ingest' THEN CASE tab WHEN 'sealed' THEN 'INSERT' ELSE 'SELECT' END
        -- The desk adds none of the limits that it is judged by.
        WHEN held = 'recon' AND tab = 'control_limits' AND role = 'tieout_console' THEN 'SELECT'
        ELSE ops.privileges_of_workers(role, held, tab, changes => changes, removals => removals) END
$$;

ALTER FUNCTION ops.grant_roles() RENAME TO grant_workers;

-- The roles of 401_roles.sql, and the broker's; what could not be done, in a sentence.
CREATE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tieout_broker') THEN
            CREATE ROLE tieout_broker NOLOGIN;
        END IF;
        IF NOT pg_has_role(session_user, 'tieout_broker', 'SET') THEN
            EXECUTE format('GRANT tieout_broker TO %I WITH SET TRUE, INHERIT FALSE', session_user);
        END IF;
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;  -- another database was migrated at this moment
        WHEN insufficient_privilege THEN
            RETURN coalesce(nullif(ops.grant_workers(), ''), format('%s may not make the role tieout_broker: let who may run '
                'sql/schema/441_broker.sql''s ops.grant_roles() once; until then all work as %s', session_user, session_user));
    END;
    said := ops.grant_workers();
    IF said = '' AND NOT has_table_privilege('tieout_broker', 'vault.tokens', 'UPDATE') THEN
        GRANT USAGE ON SCHEMA ops, vault TO tieout_broker;
        GRANT SELECT, INSERT, UPDATE ON vault.tokens TO tieout_broker;
    END IF;
    RETURN said;
END $$;
