-- Before anybody is charged, what their customer paid on a void invoice counts.
CREATE INDEX ON canonical.invoices (customer_id) WHERE superseded_in IS NULL;
