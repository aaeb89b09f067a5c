-- Rows: limits of approval that people at the desk wrote or named for themselves, and the desk's role where it may do either.
SELECT rules_sha256 AS what, 'written by the desk' AS wrong FROM recon.control_limits WHERE kept_by = 'tieout_console'
UNION ALL
SELECT rules_sha256, 'named by the desk' FROM recon.limits_named WHERE named_by = 'tieout_console'
UNION ALL
SELECT rolname, 'may write ' || written FROM pg_roles, unnest('{recon.control_limits,recon.limits_named}'::text[]) AS written
WHERE rolname = 'tieout_console' AND has_table_privilege(oid, written::regclass, 'INSERT')
