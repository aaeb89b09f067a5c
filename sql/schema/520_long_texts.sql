-- A text may be longer than an ordered index can hold; a hash holds any, and nothing asks for an order.
DROP INDEX canonical.opportunities_renewal_key_idx;
CREATE INDEX opportunities_renewal_key_idx ON canonical.opportunities USING hash (renewal_key)
    WHERE superseded_in IS NULL AND renewal_key IS NOT NULL;
