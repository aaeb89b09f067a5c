-- What nobody knows to have arrived goes out once more, and then a person asks.
SELECT run_id, edition, recipient FROM recon.mail_attempts
WHERE outcome = 'uncertain'
GROUP BY run_id, edition, recipient HAVING count(*) > 2;
