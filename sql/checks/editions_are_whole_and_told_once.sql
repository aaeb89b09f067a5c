-- Rows: editions of no whole week (Monday to Sunday) or month, and periods that two days told.
SELECT edition, until FROM recon.editions
WHERE edition = 'weekly' AND since IS NOT NULL AND (extract(isodow FROM since) <> 1 OR until - since <> 6)
    OR edition = 'month_end' AND since IS NOT NULL AND (
        extract(day FROM since) <> 1 OR until <> (since + interval '1 month')::date - 1
    )
UNION ALL
SELECT edition, until FROM recon.editions
WHERE until IS NOT NULL GROUP BY edition, until HAVING count(DISTINCT as_of) > 1
