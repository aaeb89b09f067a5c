-- Locks that last longer than a transaction may: held by a connection, and gone with it.

-- name: stand_alone
-- Whether nobody else holds what this name is for; if so, it is held until the connection ends.
SELECT pg_try_advisory_lock(hashtextextended(%(what)s, 0)) AS alone;

-- name: step_aside
-- At once: the end of a connection is noticed a moment later, and who asks in between would be sent away.
SELECT pg_advisory_unlock_all();

-- name: stand_in_line
-- Until nobody else holds it; then it is held until the connection ends.
SELECT pg_advisory_lock(hashtextextended(%(what)s, 0));
