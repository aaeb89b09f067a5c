-- A mail says which day or period it tells of, and what names its figures: nobody is mailed figures that they have, and who has
-- others is told. A run may have the last word again after another had it: each time is a telling of its own.
ALTER TABLE recon.mailings
    ADD COLUMN telling integer NOT NULL DEFAULT 1 CHECK (telling >= 1),
    ADD COLUMN told_of date,  -- the day, or the period's last
    ADD COLUMN figures text;  -- a hash; null: a week or month that was told before they were kept

ALTER TABLE recon.mailings DISABLE TRIGGER USER;
UPDATE recon.mailings SET
    told_of = coalesce((
        SELECT until FROM recon.editions
        WHERE editions.run_id = mailings.run_id AND editions.edition = mailings.edition
    ), runs.as_of),
    figures = CASE WHEN edition IN ('daily', 'restated')
        THEN encode(sha256(convert_to(coalesce(certificate -> 'outputs', to_jsonb(runs.run_id))::text, 'UTF8')), 'hex') END
FROM recon.runs WHERE runs.run_id = mailings.run_id;
ALTER TABLE recon.mailings ENABLE TRIGGER USER;

ALTER TABLE recon.mailings ALTER COLUMN told_of SET NOT NULL;
CREATE INDEX ON recon.mailings (told_of, edition);

ALTER TABLE recon.mail_attempts
    ADD COLUMN telling integer NOT NULL DEFAULT 1,
    DROP CONSTRAINT mail_attempts_run_id_edition_recipient_fkey,
    DROP CONSTRAINT mail_attempts_run_id_edition_recipient_attempt_key;
ALTER TABLE recon.mailings DROP CONSTRAINT mailings_pkey, ADD PRIMARY KEY (run_id, edition, recipient, telling);
ALTER TABLE recon.mail_attempts
    ADD UNIQUE (run_id, edition, recipient, telling, attempt),
    ADD FOREIGN KEY (run_id, edition, recipient, telling) REFERENCES recon.mailings (run_id, edition, recipient, telling);
