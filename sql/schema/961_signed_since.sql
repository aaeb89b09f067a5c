-- After anybody had to go back, all three sign days that end later: not those that led there, judged once more, and who signed
-- before did not know of it.

-- When that was last; a drill is none.
CREATE FUNCTION ops.went_back() RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT coalesce(max(switched_at), '-infinity') FROM ops.switches
    WHERE act = 'back' AND evidence ->> 'trigger' IS DISTINCT FROM 'drill'
$$;

-- Until when anything was signed before that; NULL where nothing was.
CREATE FUNCTION ops.signed_before_going_back() RETURNS date STABLE LANGUAGE sql AS $$
    SELECT max(last_day) FROM parity.sign_offs JOIN parity.windows USING (window_no)
    WHERE signed_at <= ops.went_back()
$$;

-- The sign-off that stands: the newest days that all three signed and that end after those, with nothing in the way of signing
-- them today.
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
