-- Git knows people by mail address, and whoever approves may be named by login: the part of an author's address before its @
-- is no other person. What was promoted before stays as it is.
CREATE FUNCTION ops.logins_of(addresses text[]) RETURNS text[] IMMUTABLE LANGUAGE sql AS $$
    SELECT array_agg(split_part(address, '@', 1)) FROM unnest(addresses) AS address
$$;
ALTER TABLE ops.promotions ADD CONSTRAINT nobody_approves_their_own_by_login CHECK (
    recon.identity(approver) <> ALL (ops.logins_of(author_ids))
) NOT VALID;
