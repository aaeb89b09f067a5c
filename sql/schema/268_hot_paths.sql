-- What the lane asks many times a second, found without reading what else there is.

CREATE INDEX ON delivery.looked_at (entity, native_id);
CREATE INDEX ON delivery.outbox (kind, finished_at) WHERE state = 'confirmed';

-- What landed after a place, in the order in which it is told: batch by batch, and in each by `entity/id`.
CREATE INDEX payments_landed_idx ON canonical.payments (recorded_in, ('payments/' || native_id)) WHERE superseded_in IS NULL;
CREATE INDEX refunds_landed_idx ON canonical.refunds (recorded_in, ('refunds/' || native_id)) WHERE superseded_in IS NULL;
CREATE INDEX disputes_landed_idx ON canonical.disputes (recorded_in, ('disputes/' || native_id)) WHERE superseded_in IS NULL;
CREATE INDEX credit_notes_landed_idx ON canonical.credit_notes (recorded_in, ('credit_notes/' || native_id))
WHERE superseded_in IS NULL;
CREATE INDEX invoices_landed_idx ON canonical.invoices (recorded_in, ('invoices/' || native_id)) WHERE superseded_in IS NULL;

-- Found by the first column of these as well.
DROP INDEX canonical.payments_recorded_in_idx, canonical.refunds_recorded_in_idx, canonical.disputes_recorded_in_idx;
