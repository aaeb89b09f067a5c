-- What `tieout doctor` asks the database.

-- name: database_facts
-- Its version (180001), its clock, and whether our role may do everything.
SELECT current_setting('server_version_num')::int AS version, clock_timestamp() AS at, rolsuper AS superuser
FROM pg_roles WHERE rolname = current_user;

-- name: tables_out_of_reach
-- Our tables that whoever keeps rows in them may not read and add to: a role of ours, or our login where it may not be that.
SELECT format('%%I.%%I', nspname, relname) AS name
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN (VALUES ('raw', 'tieout_ingest'), ('canonical', 'tieout_ingest'), ('recon', 'tieout_app'), ('ops', 'tieout_app'),
        ('vault', 'tieout_send'))
    AS kept (nspname, role) USING (nspname)
LEFT JOIN pg_roles AS ours
    ON rolname = CASE (nspname || '.' || relname)
        WHEN 'vault.tokens' THEN 'tieout_broker' WHEN 'ops.removals' THEN 'tieout_remover' ELSE role END
    AND pg_has_role(session_user, ours.oid, 'SET')
CROSS JOIN LATERAL (SELECT coalesce(ours.oid, current_user::regrole::oid) AS oid) AS who
WHERE relkind IN ('r', 'p') AND NOT (
    has_schema_privilege(who.oid, relnamespace, 'USAGE')
    AND has_table_privilege(who.oid, pg_class.oid, 'SELECT')
    AND ((nspname, relname) = ('ops', 'retention') OR has_table_privilege(who.oid, pg_class.oid, 'INSERT'))  -- migrations alone
)
ORDER BY name;
