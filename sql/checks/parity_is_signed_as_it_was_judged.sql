-- Rows: signed windows of which a judged day misses a limit, is not the edition that stands by the signing, or has less
-- than the days that are needed.
SELECT window_no, 'a limit is missed' AS wrong
FROM parity.sign_offs JOIN parity.window_metrics USING (window_no) JOIN parity.window_days USING (window_no, day)
WHERE judged AND NOT passes
UNION
SELECT window_no, 'compared again before'
FROM parity.sign_offs JOIN parity.window_days USING (window_no)
JOIN parity.days AS newer ON newer.day = window_days.day AND newer.edition > window_days.edition
WHERE newer.compared_at < signed_at
UNION
SELECT window_no, 'too few days'
FROM parity.sign_offs JOIN parity.windows USING (window_no)
WHERE days_needed > (SELECT count(*) FROM parity.window_days WHERE window_days.window_no = windows.window_no)
