-- Rows: compared days whose answers, quarantined rows or differences are not as many as the day says.
SELECT day, edition, 'answers' AS what FROM parity.days
WHERE ours_count <> (
        SELECT count(*) FROM parity.answers_ours AS answer WHERE answer.day = days.day AND answer.edition = days.edition
    )
    OR theirs_count <> (
        SELECT count(*) FROM parity.answers_theirs AS answer WHERE answer.day = days.day AND answer.edition = days.edition
    )
UNION ALL
SELECT day, edition, 'quarantine' FROM parity.days
WHERE quarantined_count <> (
    SELECT count(*) FROM parity.quarantine AS bad WHERE bad.day = days.day AND bad.edition = days.edition
)
UNION ALL
SELECT day, edition, 'differences' FROM parity.days
WHERE differences_count <> (
    SELECT count(*) FROM parity.differences AS one WHERE one.day = days.day AND one.edition = days.edition
)
