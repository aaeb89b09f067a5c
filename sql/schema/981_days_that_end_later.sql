-- After anybody had to go back, days that end later are signed: not those that led there, judged once more.

-- Until when anything was signed before that; NULL where nothing was.
CREATE FUNCTION ops.signed_before_going_back() RETURNS date STABLE LANGUAGE sql AS $$
    SELECT max(last_day) FROM parity.sign_offs JOIN parity.windows USING (window_no)
    WHERE signed_at <= ops.went_back()
$$;

-- The sign-off that stands, of days that end after those. Else the same as in 961_signed_since.sql.
CREATE OR REPLACE FUNCTION ops.parity_signed() RETURNS TABLE (signed_at timestamptz, signers text[], pack_sha256 text)
STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    SELECT max(sign.signed_at), array_agg(sign.person_id::text ORDER BY sign.person_id), days.content_sha256
    FROM parity.sign_offs AS sign JOIN parity.windows AS days USING (window_no)
    WHERE days.last_day > coalesce(ops.signed_before_going_back(), '-infinity')
    GROUP BY days.window_no
    HAVING count(DISTINCT sign.role) = 3 AND NOT EXISTS (SELECT FROM parity.obstacles(days.window_no))
    ORDER BY days.last_day DESC, days.window_no DESC LIMIT 1;
END $$;
