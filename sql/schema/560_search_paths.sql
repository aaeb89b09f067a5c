-- No guard is talked round. What keeps a table finds its types and tables where the caller cannot put others of their name:
-- a trigger's function by a path of its own, and what a constraint, a condition, a default or an index calls by being read
-- when it is made, which costs nothing when it runs. So it is for whatever a later migration makes, too: `migrate` sees to it.

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
