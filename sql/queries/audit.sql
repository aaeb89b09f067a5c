-- The audit log: what is to be sealed, what was, and reading both again.

-- name: audit_stand_in_line
-- One seals at a time, until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('tieout audit seals'));

-- name: newest_seal
SELECT seal, through_xid::text AS through_xid, through_id, seal_sha256, sealed_at
FROM audit.seals ORDER BY seal DESC LIMIT 1;

-- name: audit_due
-- Where the next seal ends: rows that no transaction under way can still come before. No row when there are none.
SELECT xid::text AS xid, id, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now
FROM (
    SELECT xid, id FROM audit.events
    WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, id LIMIT %(most)s
) AS next
ORDER BY next.xid DESC, next.id DESC LIMIT 1;

-- name: audit_blocks
-- The rows of each span as one text: of each row its numbers, its moment, the sizes of its texts in bytes, and its texts.
-- Written out here, so that nothing in the database decides what a row says; in no order, for sorting such texts costs more
-- than reading them.
SELECT span.seal, block.rows, block.lines
FROM unnest(
    %(seals)s::bigint[], %(after_xids)s::text[], %(after_ids)s::bigint[], %(through_xids)s::text[], %(through_ids)s::bigint[]
) AS span (seal, after_xid, after_id, through_xid, through_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS rows, coalesce(string_agg(line, E'\n'), '') AS lines
    FROM (
        SELECT concat_ws(
            E'\n', id, xid, timezone('UTC', at), octet_length(login), octet_length(actor), octet_length(act),
            octet_length(entity), octet_length(why), octet_length(before_sha256), octet_length(after_sha256),
            octet_length(run_id), octet_length(op_key), login, actor, act, entity, why, before_sha256, after_sha256,
            run_id, op_key
        ) AS line
        FROM audit.events
        WHERE (xid, id) > (span.after_xid::xid8, span.after_id) AND (xid, id) <= (span.through_xid::xid8, span.through_id)
        ORDER BY xid, id
    ) AS ordered
) AS block;

-- name: keep_seal
INSERT INTO audit.seals (
    seal, after_xid, after_id, through_xid, through_id, rows, ids, leaves, rows_sha256, leaves_sha256, previous_sha256,
    sealed_at, seal_sha256, public_key, signature
) VALUES (
    %(seal)s, %(after_xid)s::text::xid8, %(after_id)s, %(through_xid)s::text::xid8, %(through_id)s, %(rows)s,
    %(ids)s::bigint[], decode(%(leaves)s, 'hex'), %(rows_sha256)s, %(leaves_sha256)s, %(previous_sha256)s,
    %(sealed_at)s::text::timestamptz, %(seal_sha256)s, %(public_key)s, %(signature)s
);

-- name: seals_after
-- In their order, without what names rows; and whether that is what was sealed.
SELECT seal, after_xid::text AS after_xid, after_id, through_xid::text AS through_xid, through_id, rows, rows_sha256,
    leaves_sha256, previous_sha256, to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS sealed_at,
    seal_sha256, public_key, signature, encode(sha256(leaves), 'hex') = leaves_sha256 AS leaves_hold
FROM audit.seals WHERE seal > %(seal)s ORDER BY seal LIMIT %(most)s;

-- name: seals_named
SELECT seal, after_xid::text AS after_xid, after_id, through_xid::text AS through_xid, through_id, rows, rows_sha256,
    leaves_sha256, previous_sha256, to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS sealed_at,
    seal_sha256, public_key, signature, ids, encode(leaves, 'hex') AS leaves
FROM audit.seals WHERE seal = ANY (%(seals)s::bigint[]) ORDER BY seal;

-- name: audit_unsealed
-- Rows that no seal covers yet, counted up to so many (NULL: all), and the age of the oldest.
SELECT count(*) AS rows, coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::int AS oldest_s
FROM (
    SELECT at FROM audit.events WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s::bigint)
    ORDER BY xid, id LIMIT %(most)s::bigint
) AS waiting;

-- part: wanted_of
(%(since)s::timestamptz IS NULL OR at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
    AND (%(actor)s::text IS NULL OR actor = %(actor)s) AND (%(act)s::text IS NULL OR starts_with(act, %(act)s))
    AND (%(entity)s::text IS NULL OR entity = %(entity)s)

-- name: audit_wanted
-- Sealed rows that fit, the oldest first and up to so many (NULL: all), by the seal that covers them.
WITH wanted AS MATERIALIZED (
    SELECT xid, id FROM audit.events
    WHERE (xid, id) <= (SELECT through_xid, through_id FROM audit.seals ORDER BY through_xid DESC, through_id DESC LIMIT 1)
        AND {wanted_of}
    ORDER BY events.xid, events.id LIMIT %(most)s::bigint
)
SELECT covering.seal, array_agg(wanted.id ORDER BY wanted.xid, wanted.id) AS ids
FROM wanted CROSS JOIN LATERAL (
    SELECT seal FROM audit.seals WHERE (through_xid, through_id) >= (wanted.xid, wanted.id)
    ORDER BY through_xid, through_id LIMIT 1
) AS covering
GROUP BY covering.seal ORDER BY covering.seal;

-- name: audit_wanted_unsealed
-- How many rows fit that no seal covers yet, counted up to so many (NULL: all): they are not handed out.
SELECT count(*) AS rows FROM (
    SELECT FROM audit.events
    WHERE (xid, id) > coalesce(
            (SELECT (through_xid, through_id) FROM (SELECT through_xid, through_id FROM audit.seals ORDER BY seal DESC LIMIT 1) AS last),
            ('0'::xid8, 0::bigint)
        )
        AND {wanted_of}
    LIMIT %(most)s::bigint
) AS waiting;

-- part: shown
(%(every)s OR NOT starts_with(actor, 'program:')) AND (%(actor)s::text IS NULL OR actor = %(actor)s)
    AND (%(entity)s::text IS NULL OR entity = %(entity)s)

-- name: console_count_audit
SELECT count(*) AS fitting FROM (
    SELECT FROM audit.events
    WHERE {shown} LIMIT %(most)s
) AS counted;

-- name: console_audit
-- Newest first, from the last line on: what people, policy and runs did, with `every` what programs did, too.
SELECT xid::text AS xid, id, at, actor, act, entity, why, run_id, op_key FROM audit.events
WHERE {shown}
    AND (%(id)s::bigint IS NULL OR (xid, id) < (%(xid)s::text::xid8, %(id)s))
ORDER BY events.xid DESC, events.id DESC  -- not by the text of that name above: '99' is behind '100'
LIMIT %(limit)s;
