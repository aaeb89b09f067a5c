-- A key that they named the day before and name no more is in the way of signing, though each is explained as their error:
-- an export that was cut off says the same, however little of it is gone. Else the same as in 940_ends_of_months.sql.
ALTER FUNCTION parity.obstacles(bigint) RENAME TO obstacles_of_figures;

CREATE FUNCTION parity.obstacles(asked bigint) RETURNS TABLE (obstacle text) STABLE LANGUAGE sql AS $$
    SELECT obstacle FROM parity.obstacles_of_figures(asked)
    UNION ALL
    SELECT format('%s: %s of their %s of the day before are no longer in their answers: is the export whole?', days.day,
        parity.figure(count(*)), lone.kind)
    FROM parity.windows AS win
    JOIN parity.window_days AS days USING (window_no)
    JOIN parity.window_days AS before ON before.window_no = days.window_no AND before.day = days.day - 1
    JOIN parity.differences AS lone ON lone.day = days.day AND lone.edition = days.edition
    JOIN parity.answers_theirs AS told ON told.day = before.day AND told.edition = before.edition
        AND told.kind = lone.kind AND told.key = lone.key AND told.seq = lone.seq
    WHERE win.window_no = asked AND days.judged AND lone.field = 'key' AND lone.theirs IS NULL
        AND parity.accepted_in(win.accepted, lone) IS NULL
    GROUP BY days.day, lone.kind
$$;
