-- Rows: payments that posted matches spend more of than there is, or in another currency than theirs.
SELECT matches.run_id, matches.side_a_id AS payment_id
FROM recon.matches
JOIN recon.runs USING (run_id)
JOIN canonical.payments AS payment
    ON payment.native_id = matches.side_a_id
    AND payment.recorded_in <= runs.batch_through
    AND (payment.superseded_in IS NULL OR payment.superseded_in > runs.batch_through)
WHERE matches.recon = 'R3' AND matches.state = 'posted'
GROUP BY matches.run_id, matches.side_a_id, payment.amount_minor, payment.currency
HAVING sum(matches.paid_minor) > payment.amount_minor
    OR bool_or(matches.paid_currency <> payment.currency)
    OR bool_or(matches.paid_currency = matches.currency AND matches.paid_minor <> matches.amount_minor)
