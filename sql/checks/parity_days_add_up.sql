-- Rows: days compared lately whose answers, unreadable rows or differences are not as many as the day says. What was
-- right once stays so: none of these rows can be changed.
WITH lately AS (SELECT * FROM parity.days WHERE compared_at > clock_timestamp() - interval '2 days')
SELECT day, edition, 'answers' AS what FROM lately
WHERE ours_count <> (
        SELECT count(*) FROM parity.answers_ours AS one WHERE one.day = lately.day AND one.edition = lately.edition
    )
    OR theirs_count <> (
        SELECT count(*) FROM parity.answers_theirs AS one WHERE one.day = lately.day AND one.edition = lately.edition
    )
UNION ALL
SELECT day, edition, 'kinds' FROM lately
WHERE (ours_count, theirs_count, pairs_count) <> (
    SELECT coalesce(sum(kind.ours_count), 0), coalesce(sum(kind.theirs_count), 0), coalesce(sum(kind.pairs_count), 0)
    FROM parity.kinds AS kind WHERE kind.day = lately.day AND kind.edition = lately.edition
)
UNION ALL
SELECT day, edition, 'quarantine' FROM lately
WHERE quarantined_count <> (
    SELECT count(*) FROM parity.quarantine AS bad WHERE bad.day = lately.day AND bad.edition = lately.edition
)
UNION ALL
SELECT day, edition, 'differences' FROM lately
WHERE differences_count <> (
    SELECT count(*) FROM parity.differences AS one WHERE one.day = lately.day AND one.edition = lately.edition
)
