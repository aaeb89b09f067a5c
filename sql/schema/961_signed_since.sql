-- All three sign after anybody had to go back: who signed before did not know of it.

-- When that was last; a drill is none.
CREATE FUNCTION ops.went_back() RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT coalesce(max(switched_at), '-infinity') FROM ops.switches
    WHERE act = 'back' AND evidence ->> 'trigger' IS DISTINCT FROM 'drill'
$$;

-- The sign-off that stands: the newest days that all three signed since then, with nothing in the way of signing them today.
CREATE OR REPLACE FUNCTION ops.parity_signed() RETURNS TABLE (signed_at timestamptz, signers text[], pack_sha256 text)
STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    SELECT max(sign.signed_at), array_agg(sign.person_id::text ORDER BY sign.person_id), days.content_sha256
    FROM parity.sign_offs AS sign JOIN parity.windows AS days USING (window_no)
    GROUP BY days.window_no
    HAVING count(DISTINCT sign.role) = 3 AND NOT EXISTS (SELECT FROM parity.obstacles(days.window_no))
        AND min(sign.signed_at) > ops.went_back()
    ORDER BY days.last_day DESC, days.window_no DESC LIMIT 1;
END $$;
