-- The published run a run opens with: what that one posted stays posted while its facts stand.

ALTER TABLE recon.runs ADD COLUMN opening_run_id uuid REFERENCES recon.runs;
