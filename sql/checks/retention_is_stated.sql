-- Rows: tables of which ops.retention does not say how long their rows are kept, and what it speaks of that is none, or that
-- refuses whoever removes a row.
WITH ours AS (
    SELECT oid, relnamespace::regnamespace || '.' || relname AS relation FROM pg_class
    WHERE relnamespace::regnamespace::name IN (SELECT ops.our_schemas()) AND relkind IN ('r', 'p') AND NOT relispartition
)
SELECT relation, 'not stated' AS wrong FROM ours WHERE relation NOT IN (SELECT relation FROM ops.retention)
UNION ALL
SELECT relation, 'no table' FROM ops.retention WHERE relation NOT IN (SELECT relation FROM ours)
UNION ALL
SELECT relation, 'is history, and its rows have a time' FROM ops.retention JOIN ours USING (relation)
WHERE kept IS NOT NULL AND ops.refuses(ours.oid, 8)
