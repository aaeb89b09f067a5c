-- Rows: mails that went out again though nobody knew twice whether they arrived.
SELECT run_id, edition, recipient, telling FROM recon.mail_attempts
WHERE outcome = 'uncertain'
GROUP BY run_id, edition, recipient, telling HAVING count(*) > 2
