-- A key that they named the day before and name no more is in the way of signing, though each is explained as their error:
-- an export that was cut off says the same, however little of it is gone. Else the same as in 940_ends_of_months.sql.
ALTER FUNCTION parity.obstacles(bigint) RENAME TO obstacles_of_figures;

-- The few keys that they lack are found first; each is then looked up among the many answers of the day before.
CREATE FUNCTION parity.obstacles(asked bigint) RETURNS TABLE (obstacle text) STABLE LANGUAGE sql AS $$
    WITH lacking AS MATERIALIZED (
        SELECT lone.day, lone.kind, lone.key, lone.seq, before.day AS day_before, before.edition AS edition_before
        FROM parity.windows AS win
        JOIN parity.window_days AS days USING (window_no)
        JOIN parity.window_days AS before ON before.window_no = days.window_no AND before.day = days.day - 1
        JOIN parity.differences AS lone ON lone.day = days.day AND lone.edition = days.edition
        WHERE win.window_no = asked AND days.judged AND lone.field = 'key' AND lone.theirs IS NULL AND NOT EXISTS (
            SELECT FROM parity.accepted_differences AS entry
            WHERE entry.accepted_no = ANY (win.accepted) AND entry.kind = lone.kind AND entry.field = lone.field
                AND entry.class = lone.class AND entry.cause = lone.cause
                AND (entry.key IS NULL OR entry.key = lone.key) AND lone.day <= entry.expires_on
        )
    )
    SELECT obstacle FROM parity.obstacles_of_figures(asked)
    UNION ALL
    SELECT format('%s: %s of their %s of the day before are no longer in their answers: is the export whole?', day,
        parity.figure(count(*)), kind)
    FROM lacking
    WHERE EXISTS (
        SELECT FROM parity.answers_theirs AS told
        WHERE told.path = 'theirs' AND told.day = lacking.day_before AND told.edition = lacking.edition_before
            AND told.kind = lacking.kind AND told.key = lacking.key AND told.seq = lacking.seq
    )
    GROUP BY day, kind
$$;
