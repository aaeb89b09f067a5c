-- A database that was restored, and what is not sure since.

-- name: notice_history
-- Another server or timeline than before: nobody needs to say so.
WITH here AS (
    SELECT system_identifier::text AS server, left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline FROM pg_control_system()
)
INSERT INTO ops.histories (server, timeline, doubted, reason)
SELECT server, timeline, before, CASE WHEN before THEN 'another server or timeline than before' ELSE 'first seen' END
FROM here, (SELECT EXISTS (SELECT FROM ops.histories)) AS known (before)
WHERE NOT EXISTS (SELECT FROM ops.histories JOIN here USING (server, timeline))
ON CONFLICT DO NOTHING;

-- name: note_restore
-- By a person: what a copy of the disk brought back looks like the same server and timeline.
INSERT INTO ops.histories (server, timeline, doubted, noted_by, reason)
SELECT system_identifier::text, left(pg_walfile_name(pg_current_wal_lsn()), 8), true, %(actor)s, %(reason)s
FROM pg_control_system()
RETURNING since;

-- name: histories
SELECT history_no, server, timeline, noted_by, reason, doubted, since, since + %(doubt)s::interval AS doubted_until,
    doubted AND ops.clock() < since + %(doubt)s::interval AS in_doubt
FROM ops.histories ORDER BY history_no DESC;
