-- A try of a mail is one sender's: whoever begins one says how many they saw before. Tries of before that share a number are
-- numbered in the order in which they ended.
ALTER TABLE recon.mail_attempts DISABLE TRIGGER mail_attempts_are_append_only;
UPDATE recon.mail_attempts AS tried SET attempt = place
FROM (
    SELECT ctid AS stored, row_number() OVER (PARTITION BY run_id, edition, recipient ORDER BY attempt, called_at) AS place
    FROM recon.mail_attempts
    WHERE (run_id, edition, recipient) IN (
        SELECT run_id, edition, recipient FROM recon.mail_attempts
        GROUP BY run_id, edition, recipient, attempt HAVING count(*) > 1
    )
) AS numbered
WHERE tried.ctid = stored;
ALTER TABLE recon.mail_attempts ENABLE TRIGGER mail_attempts_are_append_only;

ALTER TABLE recon.mail_attempts ADD UNIQUE (run_id, edition, recipient, attempt);
DROP INDEX recon.mail_attempts_run_id_edition_recipient_idx;
