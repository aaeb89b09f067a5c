-- Roles of the database: whether we may be one, and what is more than they should have.

-- name: may_be
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s AND pg_has_role(session_user, oid, 'SET'));

-- name: grant_roles
SELECT ops.grant_roles() AS note;

-- name: role_findings
-- What is less, or more, than it should be: roles that are not there, or that our login may not be; what anybody but their
-- owner may do with what is ours; who may change what is history.
WITH ours AS (
    SELECT name, oid FROM unnest(ARRAY[
        'tieout_owner', 'tieout_ingest', 'tieout_app', 'tieout_send', 'tieout_console', 'tieout_auditor',
        'tieout_broker', 'tieout_remover'
    ]) AS name LEFT JOIN pg_roles ON rolname = name
), tables AS (
    SELECT format('%%I.%%I', nspname, relname) AS name, nspname, relname, relkind, relowner, pg_class.oid, relacl
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname IN (SELECT ops.our_schemas())
), rightful AS (
    SELECT ours.oid AS grantee, tables.oid, CASE
        WHEN ours.name = 'tieout_broker' THEN CASE tables.name WHEN 'vault.tokens' THEN 'SELECT, INSERT, UPDATE' ELSE '' END
        ELSE ops.privileges(ours.name, nspname, relname,
            changes => NOT ops.refuses(tables.oid, 16), removals => NOT ops.refuses(tables.oid, 8)) END AS words
    FROM ours, tables WHERE ours.name <> 'tieout_owner'
), given AS (
    SELECT grantee, privilege_type, tables.name AS what
    FROM tables CROSS JOIN aclexplode(relacl) LEFT JOIN rightful USING (grantee, oid)
    WHERE grantee <> 0 AND grantee <> relowner AND (privilege_type <> 'MAINTAIN' OR words IS NULL) AND privilege_type <> ALL (
        CASE WHEN relkind = 'v' AND words <> '' THEN ARRAY['SELECT'] ELSE string_to_array(coalesce(words, ''), ', ') END
    )
    UNION ALL
    SELECT grantee, privilege_type, pg_class.oid::regclass::text FROM pg_class, aclexplode(relacl)
    WHERE relkind = 'S' AND relnamespace::regnamespace::name IN (SELECT ops.our_schemas()) AND grantee <> relowner
        AND NOT (privilege_type = 'USAGE' AND grantee IN (SELECT oid FROM ours))
    UNION ALL
    SELECT grantee, privilege_type, 'schema ' || nspname FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname IN (SELECT ops.our_schemas()) AND grantee <> nspowner
        AND NOT (privilege_type = 'USAGE' AND grantee IN (SELECT oid FROM ours))
    UNION ALL  -- what runs as its owner; who destroys what is sealed calls what goes with it, who receives it has its records' keys
    SELECT grantee, privilege_type, pg_proc.oid::regprocedure::text FROM pg_proc, aclexplode(proacl)
    WHERE prosecdef AND pronamespace::regnamespace::name IN (SELECT ops.our_schemas()) AND grantee NOT IN (0, proowner)
        AND (pronamespace, grantee::regrole::text) <> ('vault'::regnamespace, 'tieout_send')
        AND (pg_proc.oid::regprocedure::text, grantee::regrole::text) <> ('vault.record_keys(text[])', 'tieout_ingest')
    UNION ALL
    SELECT grantee, privilege_type, 'tables to come of ' || defaclrole::regrole FROM pg_default_acl, aclexplode(defaclacl)
    WHERE defaclobjtype = 'r' AND grantee <> defaclrole
        AND (defaclnamespace = 0 OR defaclnamespace::regnamespace::name IN (SELECT ops.our_schemas()))
    UNION ALL
    SELECT grantee, privilege_type, 'database ' || datname FROM pg_database, aclexplode(datacl)
    WHERE datname = current_database() AND privilege_type = 'CREATE' AND grantee <> datdba
)
SELECT 'missing' AS finding, name FROM ours WHERE oid IS NULL
UNION ALL
SELECT 'not ours to be', name FROM ours
WHERE oid IS NOT NULL AND name <> 'tieout_owner' AND NOT pg_has_role(session_user, oid, 'SET')
UNION ALL
SELECT 'logs in', name FROM ours JOIN pg_roles USING (oid) WHERE rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb
UNION ALL
SELECT 'open to everybody', tables.name FROM tables, aclexplode(relacl) WHERE grantee = 0
UNION ALL
SELECT 'not closed', closing FROM ops.open_to_everybody() AS closing WHERE closing NOT LIKE '%%OWNER TO%%'
UNION ALL
SELECT 'given to ' || CASE grantee WHEN 0 THEN 'everybody' ELSE grantee::regrole::text END, lower(privilege_type) || ' on ' || what
FROM given
UNION ALL
SELECT 'given by the column', format('%%s.%%I', tables.name, attname)
FROM tables JOIN pg_attribute ON attrelid = tables.oid WHERE attacl IS NOT NULL
UNION ALL
SELECT 'of the rights of ' || of.rolname, members.rolname  -- but for our login, and who is everything anyway
FROM pg_auth_members JOIN pg_roles AS of ON of.oid = roleid JOIN pg_roles AS members ON members.oid = member
WHERE (
        member IN (SELECT oid FROM ours)
        OR roleid IN (SELECT oid FROM ours) AND (inherit_option OR admin_option OR set_option AND of.rolname = 'tieout_owner')
    ) AND (members.rolname, of.rolname) <> ('tieout_send', 'tieout_app') AND NOT members.rolsuper
    AND NOT (members.rolname = session_user AND (of.rolname = 'tieout_owner' OR NOT inherit_option))
UNION ALL
SELECT DISTINCT 'is more than a login that may be one of the roles', rolname  -- but for who migrates, and so owns all
FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member
WHERE roleid IN (SELECT oid FROM ours) AND rolname <> session_user
    AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
    AND member NOT IN (SELECT member FROM pg_auth_members WHERE roleid = to_regrole('tieout_owner'))
UNION ALL
SELECT 'not owned by tieout_owner', min(tables.name) || ' and ' || count(*) - 1 || ' more'
FROM tables WHERE relowner <> (SELECT oid FROM ours WHERE name = 'tieout_owner') HAVING count(*) > 0
UNION ALL
SELECT ours.name || ' may change', tables.name FROM tables, ours
WHERE nspname IN ('raw', 'audit') AND ours.oid IS NOT NULL AND ours.name <> 'tieout_owner'
    AND has_table_privilege(ours.oid, tables.oid, 'UPDATE, DELETE, TRUNCATE')
ORDER BY 1, 2;
