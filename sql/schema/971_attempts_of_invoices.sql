-- What was tried of an invoice, asked of one as another try of it leaves.
CREATE INDEX ON canonical.attempts (invoice_id) WHERE superseded_in IS NULL AND invoice_id IS NOT NULL;
