-- Rows: editions of no whole week (Monday to Sunday) or month, and periods that two days mailed or merely kept.
SELECT edition, until FROM recon.editions
WHERE edition = 'weekly' AND since IS NOT NULL AND (extract(isodow FROM since) <> 1 OR until - since <> 6)
    OR edition = 'month_end' AND since IS NOT NULL AND (
        extract(day FROM since) <> 1 OR until <> (since + interval '1 month')::date - 1
    )
UNION ALL
SELECT edition, until FROM (
    SELECT edition, until, as_of, EXISTS (
        SELECT FROM recon.mailings
        WHERE mailings.run_id = editions.run_id AND mailings.edition = editions.edition
    ) AS mailed
    FROM recon.editions WHERE until IS NOT NULL
) AS told
GROUP BY edition, until
HAVING count(DISTINCT as_of) FILTER (WHERE mailed) > 1 OR count(DISTINCT as_of) FILTER (WHERE NOT mailed) > 1
