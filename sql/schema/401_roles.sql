-- Who may do what in the database. Five roles do the work, none of them logs in: a connection becomes one before anything
-- else (include/store/postgres.py), by a login that may be it. All is owned by tieout_owner, as whom nobody works.
--
-- tieout_ingest   keeps what was received and types it
-- tieout_app      reads all and decides: reconciliation, breaks, effects, parity
-- tieout_send     the same, and calls other systems: it alone writes down what came of a call, and may open what is sealed
-- tieout_console  what people do: breaks, messages, who they are
-- tieout_auditor  reads, and nothing else
--
-- Nobody changes or removes what is in raw or audit, and nobody adds to the audit log but its triggers. The rules stand
-- in a function, so that tables of later migrations come under them: `migrate` calls it at its end.

CREATE FUNCTION ops.our_schemas() RETURNS SETOF name STABLE LANGUAGE sql AS $$
    SELECT nspname FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'public', 'plain')
$$;

-- Whether a table refuses a statement (8: DELETE, 16: UPDATE) whoever asks.
CREATE FUNCTION ops.refuses(watched oid, statement integer) RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT EXISTS (
        SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgrelid = watched AND NOT tgisinternal AND tgtype & 1 = 0 AND tgtype & 2 = 2 AND tgtype & statement <> 0
            AND proname IN ('refuse_change', 'keep_what_is_named')
    )
$$;

-- What a role may do with a table; empty: nothing.
CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE
        -- Sealed values: who receives seals them, who sends opens them and keeps their keys, nobody else sees any.
        WHEN held = 'vault' THEN CASE
            WHEN role = 'tieout_send' THEN concat_ws(', ', 'SELECT', 'INSERT', CASE WHEN changes THEN 'UPDATE' END)
            WHEN role = 'tieout_ingest' THEN CASE WHEN tab = 'erasures' THEN 'SELECT' ELSE 'SELECT, INSERT' END
            WHEN tab = 'sealed' THEN ''
            ELSE 'SELECT' END
        WHEN held = 'audit' AND tab = 'seals' AND role = 'tieout_app' THEN 'SELECT, INSERT'
        WHEN held = 'audit' OR role = 'tieout_auditor' THEN 'SELECT'
        WHEN role = 'tieout_send' THEN CASE WHEN held = 'delivery' AND tab = 'attempts' THEN 'SELECT, INSERT' ELSE 'SELECT' END
        WHEN role = 'tieout_ingest' THEN CASE
            WHEN held = 'raw' THEN 'SELECT, INSERT'
            WHEN held = 'canonical' THEN 'SELECT, INSERT, UPDATE'
            WHEN held = 'ops' AND tab NOT IN ('switches', 'writers', 'promotions', 'radii', 'rule_sets', 'console_people')
                THEN concat_ws(', ', 'SELECT', 'INSERT', CASE WHEN changes THEN 'UPDATE' END,
                    CASE WHEN tab IN ('cursors', 'task_failures') THEN 'DELETE' END)
            WHEN held = 'delivery' AND tab = 'inbox' THEN 'SELECT, INSERT, UPDATE'
            ELSE 'SELECT' END
        WHEN role = 'tieout_app' THEN CASE
            WHEN held IN ('raw', 'canonical') OR held = 'delivery' AND tab = 'attempts' THEN 'SELECT'
            WHEN held IN ('ops', 'recon', 'delivery', 'parity')
                THEN concat_ws(', ', 'SELECT', 'INSERT', CASE WHEN changes THEN 'UPDATE' END,
                    CASE WHEN removals AND (held = 'recon' OR tab = 'task_failures') THEN 'DELETE' END)
            ELSE 'SELECT' END
        WHEN role = 'tieout_console' THEN CASE
            WHEN held = 'recon' AND tab IN ('break_events', 'break_proposals', 'break_approvals', 'pairings',
                'control_limits') OR held = 'delivery' AND tab = 'acts' THEN 'SELECT, INSERT'
            WHEN held = 'recon' AND tab IN ('break_lives', 'rulings') OR held = 'ops' AND tab = 'console_people'
                THEN 'SELECT, INSERT, UPDATE'
            WHEN held = 'delivery' AND tab = 'outbox' THEN 'SELECT, UPDATE'
            WHEN held = 'parity' AND tab = 'accepted_differences' THEN 'SELECT, INSERT, UPDATE'
            WHEN held = 'parity' AND tab = 'sign_offs' THEN 'SELECT, INSERT'
            ELSE 'SELECT' END
        ELSE '' END
$$;

-- Make the roles where they are missing, hand all that is ours to tieout_owner, and grant what each may do; what could not
-- be done, in a sentence. Nothing is touched when all is owned already.
CREATE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    workers CONSTANT text[] := ARRAY['tieout_ingest', 'tieout_app', 'tieout_send', 'tieout_console', 'tieout_auditor'];
    one record;
    role text;
    words text;
BEGIN
    FOREACH role IN ARRAY array_prepend('tieout_owner', workers) LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            END IF;
            IF NOT pg_has_role(session_user, role, 'SET') THEN
                EXECUTE format('GRANT %I TO %I WITH SET TRUE, INHERIT %s', role, session_user,
                    CASE role WHEN 'tieout_owner' THEN 'TRUE' ELSE 'FALSE' END);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;  -- another database was migrated at this moment
            WHEN insufficient_privilege THEN
                RETURN format('%s may not make the role %s: let who may run sql/schema/401_roles.sql''s '
                    'ops.grant_roles() once; until then all work as %s', session_user, role, session_user);
        END;
    END LOOP;
    IF NOT EXISTS (
        SELECT FROM pg_class WHERE relnamespace::regnamespace::name IN (SELECT ops.our_schemas())
            AND relkind IN ('r', 'p', 'v', 'S') AND relowner <> 'tieout_owner'::regrole
    ) THEN
        RETURN '';
    END IF;
    IF NOT pg_has_role('tieout_send', 'tieout_app', 'USAGE') THEN
        GRANT tieout_app TO tieout_send;
    END IF;
    FOR one IN
        SELECT format('ALTER SCHEMA %I OWNER TO tieout_owner', held) AS statement FROM ops.our_schemas() AS held
        UNION ALL
        SELECT format('ALTER %s %s OWNER TO tieout_owner',
            CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, pg_class.oid::regclass)
        FROM pg_class WHERE relnamespace::regnamespace::name IN (SELECT ops.our_schemas())
            AND relkind IN ('r', 'p', 'v', 'S') AND relowner <> 'tieout_owner'::regrole
            AND NOT EXISTS (  -- a column's own sequence goes with its table
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('i', 'a') AND relkind = 'S'
            )
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO tieout_owner', pg_proc.oid::regprocedure)
        FROM pg_proc WHERE pronamespace::regnamespace::name IN (SELECT ops.our_schemas())
            AND proowner <> 'tieout_owner'::regrole
    LOOP
        EXECUTE one.statement;
    END LOOP;
    FOREACH role IN ARRAY workers LOOP
        FOR one IN SELECT held FROM ops.our_schemas() AS held LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', one.held, role);
            EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', one.held, role);
            IF role <> 'tieout_auditor' AND one.held <> 'audit' THEN
                EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %I', one.held, role);
            END IF;
        END LOOP;
        FOR one IN
            SELECT pg_class.oid::regclass AS tab, relkind, ops.privileges(
                role, relnamespace::regnamespace::name, relname,
                changes => NOT ops.refuses(pg_class.oid, 16), removals => NOT ops.refuses(pg_class.oid, 8)
            ) AS words
            FROM pg_class WHERE relnamespace::regnamespace::name IN (SELECT ops.our_schemas()) AND relkind IN ('r', 'p', 'v')
        LOOP
            words := CASE WHEN one.relkind = 'v' AND one.words <> '' THEN 'SELECT' ELSE one.words END;
            IF words <> '' THEN
                EXECUTE format('GRANT %s ON %s TO %I', words, one.tab, role);
            END IF;
            -- What was loaded is counted by who loaded it; older servers let only the owner.
            IF words LIKE '%INSERT%' AND one.relkind <> 'v' AND current_setting('server_version_num')::int >= 170000 THEN
                EXECUTE format('GRANT MAINTAIN ON %s TO %I', one.tab, role);
            END IF;
        END LOOP;
    END LOOP;
    REVOKE ALL ON PROCEDURE audit.watch FROM PUBLIC;
    GRANT SELECT ON public.schema_migrations TO PUBLIC;  -- whoever works may see whether the schema is what they know
    RETURN '';
END $$;
