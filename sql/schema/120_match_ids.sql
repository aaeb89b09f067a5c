-- A match is named by what it joins, so that it has the same name in every run. Ids hold whatever a source puts in them,
-- backslashes too, which a cast to bytea would read as escapes.

CREATE FUNCTION recon.match_id(recon text, joined text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN recon || '-' || left(encode(sha256(convert_to(joined, 'UTF8')), 'hex'), 16);
