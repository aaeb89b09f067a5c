-- No guard is talked round. What keeps a table finds its types and tables where the caller cannot put others of their name:
-- a trigger's function by a path of its own, and what a constraint, a condition, a default or an index calls by being read
-- when it is made, which costs nothing when it runs. So it is for whatever a later migration makes, too: `migrate` sees to it.

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

-- One is called by another, and is seen only once that is read: so one at a time.
DO $$
DECLARE
    guard record;
BEGIN
    LOOP
        SELECT regexp_replace(pg_get_functiondef(id), '\nAS \$function\$.*$', '') AS head, btrim(prosrc, E'; \t\r\n') AS body
        INTO guard FROM ops.called_by_tables() AS id JOIN pg_proc ON pg_proc.oid = id
        JOIN pg_language ON pg_language.oid = prolang
        WHERE lanname = 'sql' AND prosqlbody IS NULL AND NOT prosecdef LIMIT 1;
        EXIT WHEN NOT FOUND;
        EXECUTE guard.head || E'\nBEGIN ATOMIC\n' || guard.body || E';\nEND';
    END LOOP;
END $$;

-- What of this database is open to everybody and should not be, as statements that close it.
CREATE OR REPLACE FUNCTION ops.open_to_everybody() RETURNS SETOF text STABLE LANGUAGE sql AS $$
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
