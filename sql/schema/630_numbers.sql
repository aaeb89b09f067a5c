-- A break's page shows what its evidence names, which is by number.

CREATE INDEX orders_number_idx ON canonical.orders (number) WHERE superseded_in IS NULL;
CREATE INDEX invoices_number_idx ON canonical.invoices (number) WHERE superseded_in IS NULL;
