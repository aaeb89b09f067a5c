-- By which what is past its time is found.

CREATE INDEX proofs_of_nothing ON ops.proofs (checked_at) WHERE proven AND source_count = 0;
CREATE INDEX runs_by_proof ON recon.runs (proof_through);
