-- The day on which a month ends is judged itself, though nobody works on it: its figures close the month. An entry of the
-- register that somebody ends after its last day, to propose it anew, takes nothing from what was signed by it. And days
-- that were not compared are named. Else the same as in 820_figures_of_obstacles.sql.
CREATE OR REPLACE FUNCTION parity.obstacles(asked bigint) RETURNS TABLE (obstacle text) STABLE LANGUAGE sql AS $$
    SELECT format('%s days were compared, and %s in a row are needed: not %s', count(days.day), win.days_needed, (
        SELECT string_agg(missing.day::date::text, ', ' ORDER BY missing.day)
        FROM generate_series(win.first_day, win.last_day, interval '1 day') AS missing (day)
        WHERE missing.day::date <> ALL (array_agg(days.day))
    ))
    FROM parity.windows AS win LEFT JOIN parity.window_days AS days USING (window_no)
    WHERE window_no = asked GROUP BY win.window_no
    HAVING count(days.day) < win.days_needed OR count(days.day) <> win.last_day - win.first_day + 1
    UNION ALL
    SELECT format('%s of the last business days are judged, and %s are needed', count(*) FILTER (WHERE judged),
        judged_needed)
    FROM parity.windows JOIN parity.window_days USING (window_no) WHERE window_no = asked GROUP BY judged_needed
    HAVING count(*) FILTER (WHERE judged) < judged_needed
    UNION ALL
    SELECT 'no month ends in the last business days'
    WHERE NOT EXISTS (
        SELECT FROM parity.window_days WHERE window_no = asked AND judged AND date_trunc('month', day + 1) = day + 1
    )
    UNION ALL
    SELECT format('%s was compared again since, with another result', days.day)
    FROM parity.window_days AS days WHERE window_no = asked
        AND EXISTS (SELECT FROM parity.days AS newer WHERE newer.day = days.day AND newer.edition > days.edition)
    UNION ALL
    SELECT format('%s: no %s were compared: ours has %s, theirs %s, and no key is in both', day, kind,
        parity.figure(ours_count), parity.figure(theirs_count))
    FROM parity.window_days JOIN parity.kinds USING (day, edition)
    WHERE window_no = asked AND judged AND pairs_count = 0
    UNION ALL
    SELECT format('%s: %s is %s', day, translate(metric, '_', ' '), coalesce(parity.figure(value), 'not measured'))
    FROM parity.window_metrics JOIN parity.window_days USING (window_no, day)
    WHERE window_no = asked AND judged AND NOT passes
    UNION ALL
    SELECT format('%s has no figure for %s', day, translate(metric, '_', ' '))
    FROM parity.window_days CROSS JOIN unnest(ARRAY[
        'keys_in_ours', 'keys_in_theirs', 'money', 'status', 'text', 'totals', 'duplicates', 'unreadable',
        'unexplained', 'reruns'
    ]) AS asked_for (metric)
    WHERE window_no = asked AND judged AND NOT EXISTS (
        SELECT FROM parity.window_metrics AS figure
        WHERE figure.window_no = asked AND figure.day = window_days.day AND figure.metric = asked_for.metric
    )
    UNION ALL
    SELECT format('%s: %s differences of money, currency or date are neither explained nor accepted', day,
        parity.figure(count(*)))
    FROM parity.windows AS win JOIN parity.window_days USING (window_no)
    JOIN parity.differences AS difference USING (day, edition)
    WHERE window_no = asked AND judged AND field IN ('amount', 'tax', 'currency', 'on_date', 'due_date')
        AND NOT (cause <> '' AND difference.class = ANY (excused))
        AND NOT EXISTS (
            SELECT FROM parity.accepted_differences AS entry
            WHERE entry.accepted_no = ANY (win.accepted) AND entry.kind = difference.kind
                AND entry.field = difference.field AND entry.class = difference.class AND entry.cause = difference.cause
                AND (entry.key IS NULL OR entry.key = difference.key) AND difference.day <= entry.expires_on
        )
    GROUP BY day
    UNION ALL
    SELECT format('entry %s of the register has ended since', accepted_no)
    FROM parity.windows JOIN parity.accepted_differences ON accepted_no = ANY (accepted)
    WHERE window_no = asked AND (ended_at AT TIME ZONE 'UTC')::date <= expires_on
    UNION ALL
    SELECT format('no %s was tried out between %s and %s', wanted, first_day, last_day)
    FROM parity.windows CROSS JOIN unnest(drills) AS wanted
    WHERE window_no = asked AND NOT EXISTS (
        SELECT FROM parity.drills WHERE drill = wanted AND day BETWEEN first_day AND last_day
    )
    UNION ALL
    SELECT 'there is no such window' WHERE NOT EXISTS (SELECT FROM parity.windows WHERE window_no = asked)
$$;
