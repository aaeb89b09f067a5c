-- What runs as the owner of all is called by its triggers alone, and finds no table or type of a caller's making.
--
-- A function that runs as its owner looks for types and tables among the caller's temporary ones first, unless its path
-- names them last; and whoever may execute a trigger's function may hang it on a table of his own. So neither is left to
-- whoever writes the next such function: `ops.grant_roles()`, which `migrate` calls at its end, sees to both. Temporary
-- tables are for the roles whose work needs them.

ALTER FUNCTION ops.grant_roles() RENAME TO grant_broker;

-- What constraints, conditions of triggers, defaults and indexes call, and what that calls.
CREATE FUNCTION ops.called_by_tables() RETURNS SETOF oid STABLE LANGUAGE sql AS $$
    WITH RECURSIVE called AS (
        SELECT refobjid AS id FROM pg_depend
        WHERE refclassid = 'pg_proc'::regclass
            AND classid IN ('pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_attrdef'::regclass, 'pg_class'::regclass)
        UNION
        SELECT refobjid FROM called JOIN pg_depend ON objid = id
        WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_proc'::regclass
    )
    SELECT id FROM called JOIN pg_proc ON oid = id WHERE pronamespace::regnamespace::name IN (SELECT ops.our_schemas())
$$;

-- What of this database is open to everybody and should not be, as statements that close it.
CREATE FUNCTION ops.open_to_everybody() RETURNS SETOF text STABLE LANGUAGE sql AS $$
    WITH ours AS (
        SELECT oid, proowner, proacl, prosecdef, proconfig, prosqlbody, prorettype FROM pg_proc
        WHERE pronamespace::regnamespace::name IN (SELECT ops.our_schemas())
    )
    SELECT format('ALTER ROUTINE %s OWNER TO tieout_owner', oid::regprocedure) FROM ours
    WHERE proowner <> to_regrole('tieout_owner')
    UNION ALL
    SELECT format('ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp', oid::regprocedure) FROM ours
    WHERE (
            prosecdef OR prorettype = 'trigger'::regtype
            OR prosqlbody IS NULL AND oid IN (SELECT ops.called_by_tables())
        ) AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(proconfig, '{}'))
    UNION ALL
    SELECT format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', oid::regprocedure) FROM ours
    WHERE prosecdef AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
    UNION ALL
    SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', datname) FROM pg_database
    WHERE datname = current_database() AND EXISTS (
        SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
        WHERE grantee = 0 AND privilege_type = 'TEMPORARY'
    )
$$;

-- The roles of 401_roles.sql and 441_broker.sql, and nothing besides for everybody; what could not be done, in a sentence.
CREATE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text := ops.grant_broker();
    statement text;
BEGIN
    FOR statement IN  -- without roles all work as one login, and need what everybody may
        SELECT closing FROM ops.open_to_everybody() AS closing WHERE said = '' OR closing ~ '^(ALTER .* SET|REVOKE ALL) '
    LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN insufficient_privilege THEN
            said := coalesce(nullif(said, ''), format('%s may not do this, so let who may: %s', session_user, statement));
        END;
    END LOOP;
    IF said = '' AND NOT has_database_privilege('tieout_app', current_database(), 'TEMPORARY') THEN
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO tieout_ingest, tieout_app', current_database());
    END IF;
    RETURN said;
END $$;
