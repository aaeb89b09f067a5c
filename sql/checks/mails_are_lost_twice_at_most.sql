-- Rows: mails that went out again though nobody knew twice whether they arrived.
SELECT run_id, edition, recipient FROM recon.mail_attempts
WHERE outcome = 'uncertain'
GROUP BY run_id, edition, recipient HAVING count(*) > 2
