-- A break's page shows what its evidence names, which is by number. A number may be as long as anybody writes it: by hash.

CREATE INDEX orders_number_idx ON canonical.orders USING hash (number) WHERE superseded_in IS NULL;
CREATE INDEX invoices_number_idx ON canonical.invoices USING hash (number) WHERE superseded_in IS NULL;
