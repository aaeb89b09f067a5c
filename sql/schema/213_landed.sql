-- To find what landed since it was last looked at.

CREATE INDEX ON canonical.credit_notes (recorded_in) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.invoices (recorded_in) WHERE superseded_in IS NULL;
