-- To find what landed since it was last looked at.

CREATE INDEX IF NOT EXISTS credit_notes_recorded_in_idx ON canonical.credit_notes (recorded_in) WHERE superseded_in IS NULL;
CREATE INDEX IF NOT EXISTS invoices_recorded_in_idx ON canonical.invoices (recorded_in) WHERE superseded_in IS NULL;
