-- What `tieout doctor` asks the database.

-- name: database_facts
-- Its version (180001), its clock, and whether our role may do everything.
SELECT current_setting('server_version_num')::int AS version, clock_timestamp() AS at, rolsuper AS superuser
FROM pg_roles WHERE rolname = current_user;

-- name: tables_out_of_reach
-- Our tables that our role may not read and add to.
SELECT format('%%I.%%I', schemaname, tablename) AS name
FROM pg_tables
WHERE schemaname IN ('raw', 'canonical', 'recon', 'ops', 'vault')
    AND NOT (
        has_schema_privilege(schemaname, 'USAGE')
        AND has_table_privilege(format('%%I.%%I', schemaname, tablename), 'SELECT')
        AND has_table_privilege(format('%%I.%%I', schemaname, tablename), 'INSERT')
    )
ORDER BY name;
