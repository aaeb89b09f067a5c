-- Rows: mails that were confirmed twice, or called sent without a try that was.
SELECT mailing.run_id, mailing.edition, mailing.recipient, mailing.telling, count(attempt.outcome) AS confirmed
FROM recon.mailings AS mailing
LEFT JOIN recon.mail_attempts AS attempt
    ON attempt.run_id = mailing.run_id AND attempt.edition = mailing.edition
    AND attempt.recipient = mailing.recipient AND attempt.telling = mailing.telling AND attempt.outcome = 'sent'
GROUP BY mailing.run_id, mailing.edition, mailing.recipient, mailing.telling, mailing.state
HAVING count(attempt.outcome) <> CASE WHEN mailing.state = 'sent' THEN 1 ELSE 0 END
