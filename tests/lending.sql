-- Of a database that is lent (lending.py): what is in it, and whether it is but rows that changed.

-- name: shape
-- Temporary tables are nobody's by now.
SELECT 'pg_class' AS of_what, count(*) AS rows, sum(hashtextextended(concat_ws(' ', oid, relname, relnamespace, relowner,
    relkind, relacl, reloptions, relnatts, relchecks, relhasrules, relhastriggers, relrowsecurity, reltablespace), 0)) AS made
FROM pg_class
UNION ALL SELECT 'pg_attribute', count(*), sum(xmin::text::bigint) FROM pg_attribute
UNION ALL SELECT 'pg_attrdef', count(*), sum(xmin::text::bigint) FROM pg_attrdef
UNION ALL SELECT 'pg_constraint', count(*), sum(xmin::text::bigint) FROM pg_constraint
UNION ALL SELECT 'pg_default_acl', count(*), sum(xmin::text::bigint) FROM pg_default_acl
UNION ALL SELECT 'pg_event_trigger', count(*), sum(xmin::text::bigint) FROM pg_event_trigger
UNION ALL SELECT 'pg_extension', count(*), sum(xmin::text::bigint) FROM pg_extension
UNION ALL SELECT 'pg_index', count(*), sum(xmin::text::bigint) FROM pg_index
UNION ALL SELECT 'pg_inherits', count(*), sum(xmin::text::bigint) FROM pg_inherits
UNION ALL SELECT 'pg_namespace', count(*), sum(xmin::text::bigint) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
UNION ALL SELECT 'pg_policy', count(*), sum(xmin::text::bigint) FROM pg_policy
UNION ALL SELECT 'pg_proc', count(*), sum(xmin::text::bigint) FROM pg_proc
UNION ALL SELECT 'pg_rewrite', count(*), sum(xmin::text::bigint) FROM pg_rewrite
UNION ALL SELECT 'pg_sequence', count(*), sum(xmin::text::bigint) FROM pg_sequence
UNION ALL SELECT 'pg_statistic_ext', count(*), sum(xmin::text::bigint) FROM pg_statistic_ext
UNION ALL SELECT 'pg_trigger', count(*), sum(xmin::text::bigint) FROM pg_trigger
UNION ALL SELECT 'pg_type', count(*), sum(xmin::text::bigint) FROM pg_type;

-- name: who_else
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> %(keeper)s
UNION ALL SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle';

-- name: settings
SELECT datname, setconfig FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
WHERE datname = current_database();

-- name: written
SELECT oid::regclass::text, pg_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relpersistence <> 't' AND relnamespace <> ALL (ARRAY['pg_catalog', 'information_schema']::regnamespace[])
    AND pg_relation_size(oid) > 0;

-- name: columns
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %(name)s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';

-- name: counters
SELECT seqrelid::bigint, pg_sequence_last_value(seqrelid) FROM pg_sequence ORDER BY seqrelid;

-- name: count_anew
SELECT setval(seqrelid::regclass, coalesce(place, seqstart), place IS NOT NULL)
FROM pg_sequence JOIN unnest(%(ids)s::bigint[], %(places)s::bigint[]) AS first (id, place) ON id = seqrelid::bigint
WHERE pg_sequence_last_value(seqrelid) IS DISTINCT FROM place;
