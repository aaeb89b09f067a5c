-- By which what is past its time is found.

-- Hints come in the order of their time: of the oldest pages alone anything is read, and to keep one costs next to nothing.
CREATE INDEX inbox_received ON delivery.inbox USING brin (received_at);
CREATE INDEX proofs_of_nothing ON ops.proofs (checked_at) WHERE proven AND source_count = 0;
CREATE INDEX runs_by_proof ON recon.runs (proof_through);
