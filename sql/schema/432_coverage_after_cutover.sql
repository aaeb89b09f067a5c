-- What the newest day of those compared since cutover says against going on; nothing until one of them is compared.
-- A key counts as in parity: not what was accepted, and not what time or an error of the old path explains. The worst kind
-- is what counts.
CREATE OR REPLACE FUNCTION ops.parity_triggers(
    cut_over_at timestamptz, at timestamptz, coverage_percent numeric, money_minutes integer
) RETURNS TABLE (about text, since timestamptz, count bigint, what text) STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH newest AS (
        SELECT day, edition, compared_at, doubled_count, excused FROM parity.days
        WHERE compared_at >= cut_over_at AND day >= cut_over_at::date ORDER BY day DESC, edition DESC LIMIT 1
    ),
    lacking AS (
        SELECT newest.compared_at, kinds.kind, kinds.ours_count, kinds.theirs_count,
            count(*) FILTER (WHERE lone.theirs IS NULL) AS in_ours,
            count(*) FILTER (WHERE lone.ours IS NULL) AS in_theirs
        FROM newest JOIN parity.kinds USING (day, edition)
        JOIN parity.differences AS lone USING (day, edition, kind)
        LEFT JOIN parity.accepted USING (day, edition, kind, key, seq, field)
        WHERE field = 'key' AND accepted_no IS NULL AND NOT (cause <> '' AND class = ANY (excused))
        GROUP BY newest.compared_at, kinds.kind, kinds.ours_count, kinds.theirs_count
    ),
    unexplained AS (
        SELECT newest.compared_at, count(*) AS fields
        FROM newest JOIN parity.differences AS difference USING (day, edition)
        LEFT JOIN parity.accepted USING (day, edition, kind, key, seq, field)
        WHERE field IN ('amount', 'tax', 'currency') AND cause = '' AND accepted_no IS NULL
            AND newest.compared_at <= at - make_interval(mins => money_minutes)
        GROUP BY newest.compared_at
    )
    SELECT 'coverage', min(compared_at), sum(in_ours + in_theirs)::bigint,
        'keys that only one path has, too many for ' || coverage_percent || ' % of the ' || string_agg(kind, ', ' ORDER BY kind)
    FROM lacking
    WHERE (ours_count - in_ours) * 100 < coverage_percent * ours_count
        OR (theirs_count - in_theirs) * 100 < coverage_percent * theirs_count
    HAVING count(*) > 0
    UNION ALL
    SELECT 'parity_money', compared_at, fields, 'amounts that differ between the paths, and nobody knows why' FROM unexplained
    UNION ALL
    SELECT 'parity_duplicates', compared_at, doubled_count, 'orders or invoices of ours that are there twice'
    FROM newest WHERE doubled_count > 0;
END $$;
