-- What a break is worth in the reporting currency on the day of its run, where a rate was known: its severity, and how
-- many people must look at what is done about it, depend on it.

ALTER TABLE recon.breaks ADD COLUMN amount_sgd_minor bigint;
