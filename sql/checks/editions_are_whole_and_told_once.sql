-- Rows: editions of no whole week (Monday to Sunday) or month, and periods that two days mailed or merely kept.
SELECT edition, until FROM recon.editions
WHERE edition = 'weekly' AND since IS NOT NULL AND (extract(isodow FROM since) <> 1 OR until - since <> 6)
    OR edition = 'month_end' AND since IS NOT NULL AND (
        extract(day FROM since) <> 1 OR until <> (since + interval '1 month')::date - 1
    )
UNION ALL
SELECT edition, until FROM (
    SELECT edition, until, as_of, told.mailed, told.tried
    FROM recon.editions
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state IN ('sent', 'called', 'uncertain')) > 0 AS mailed, count(*) > 0 AS tried
        FROM recon.mailings
        WHERE mailings.run_id = editions.run_id AND mailings.edition = editions.edition
    ) AS told
    WHERE until IS NOT NULL
) AS told
GROUP BY edition, until
HAVING count(DISTINCT as_of) FILTER (WHERE mailed) > 1 OR count(DISTINCT as_of) FILTER (WHERE NOT tried) > 1
