-- Rows: seals that do not follow the one before, or that cover another number of rows of the audit log than they say.
SELECT seal, rows
FROM (
    SELECT seal, rows, after_xid, after_id, through_xid, through_id, previous_sha256,
        lag(seal, 1, 0::bigint) OVER chain AS seal_before, lag(seal_sha256, 1, repeat('0', 64)) OVER chain AS sha256_before,
        lag(through_xid, 1, '0'::xid8) OVER chain AS xid_before, lag(through_id, 1, 0::bigint) OVER chain AS id_before
    FROM audit.seals WINDOW chain AS (ORDER BY seal)
) AS seals
WHERE seal <> seal_before + 1 OR previous_sha256 <> sha256_before OR (after_xid, after_id) <> (xid_before, id_before)
    OR rows <> (
        SELECT count(*) FROM audit.events
        WHERE (xid, id) > (seals.after_xid, seals.after_id) AND (xid, id) <= (seals.through_xid, seals.through_id)
    )
