-- Roles of the database: whether we may be one, and what is more than they should have.

-- name: may_be
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s AND pg_has_role(session_user, oid, 'SET'));

-- name: grant_roles
SELECT ops.grant_roles() AS note;

-- name: role_findings
-- What is less, or more, than it should be: roles that are not there, or that our login may not be; what everybody may do;
-- who may change what is history.
WITH ours AS (
    SELECT name, oid FROM unnest(ARRAY[
        'tieout_owner', 'tieout_ingest', 'tieout_app', 'tieout_send', 'tieout_console', 'tieout_auditor',
        'tieout_broker'
    ]) AS name LEFT JOIN pg_roles ON rolname = name
), tables AS (
    SELECT format('%%I.%%I', nspname, relname) AS name, nspname, relname, relkind, relowner, pg_class.oid, relacl
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v') AND nspname IN (SELECT ops.our_schemas())
), rightful AS (
    SELECT ours.oid AS grantee, tables.oid, CASE
        WHEN ours.name = 'tieout_broker' THEN CASE tables.name WHEN 'vault.tokens' THEN 'SELECT, INSERT, UPDATE' ELSE '' END
        ELSE ops.privileges(ours.name, nspname, relname,
            changes => NOT ops.refuses(tables.oid, 16), removals => NOT ops.refuses(tables.oid, 8)) END AS words
    FROM ours, tables WHERE ours.name <> 'tieout_owner'
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
SELECT 'given to ' || grantee::regrole, lower(privilege_type) || ' on ' || tables.name
FROM tables CROSS JOIN aclexplode(relacl) JOIN rightful USING (grantee, oid)
WHERE privilege_type <> 'MAINTAIN' AND privilege_type <> ALL (
    CASE WHEN relkind = 'v' AND words <> '' THEN ARRAY['SELECT'] ELSE string_to_array(words, ', ') END
)
UNION ALL
SELECT 'given by the column', format('%%s.%%I', tables.name, attname)
FROM tables JOIN pg_attribute ON attrelid = tables.oid WHERE attacl IS NOT NULL
UNION ALL
SELECT 'of the rights of ' || of.rolname, members.rolname  -- but for our login, and who is everything anyway
FROM pg_auth_members JOIN pg_roles AS of ON of.oid = roleid JOIN pg_roles AS members ON members.oid = member
WHERE (member IN (SELECT oid FROM ours) OR roleid IN (SELECT oid FROM ours) AND inherit_option)
    AND (members.rolname, of.rolname) <> ('tieout_send', 'tieout_app') AND NOT members.rolsuper
    AND NOT (members.rolname = session_user AND of.rolname = 'tieout_owner')
UNION ALL
SELECT 'not kept by its trigger', name FROM ops.guards_missing() AS name
UNION ALL
SELECT 'not owned by tieout_owner', min(tables.name) || ' and ' || count(*) - 1 || ' more'
FROM tables WHERE relowner <> (SELECT oid FROM ours WHERE name = 'tieout_owner') HAVING count(*) > 0
UNION ALL
SELECT ours.name || ' may change', tables.name FROM tables, ours
WHERE nspname IN ('raw', 'audit') AND ours.oid IS NOT NULL AND ours.name <> 'tieout_owner'
    AND has_table_privilege(ours.oid, tables.oid, 'UPDATE, DELETE, TRUNCATE')
ORDER BY 1, 2;
