-- What a customer paid and said of no invoice: looked for whenever somebody is about to be charged.
CREATE INDEX ON canonical.payments (customer_id, recorded_in) WHERE superseded_in IS NULL AND invoice_id IS NULL;
