-- Rows: limits of approval that people at the desk wrote for themselves, and the desk's role where it may write any.
SELECT rules_sha256 AS what, 'written by the desk' AS wrong FROM recon.control_limits WHERE kept_by = 'tieout_console'
UNION ALL
SELECT rolname, 'may write limits' FROM pg_roles
WHERE rolname = 'tieout_console' AND has_table_privilege(oid, 'recon.control_limits'::regclass, 'INSERT')
