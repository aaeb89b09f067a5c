-- Rows: posted matches whose invoices and residual do not make up the payment, or that cross a currency.
SELECT matches.run_id, matches.match_id
FROM recon.matches
JOIN recon.runs USING (run_id)
JOIN canonical.payments AS payment
    ON payment.native_id = matches.side_a_id
    AND payment.recorded_in <= runs.batch_through
    AND (payment.superseded_in IS NULL OR payment.superseded_in > runs.batch_through)
WHERE matches.recon = 'R3' AND matches.state = 'posted'
GROUP BY matches.run_id, matches.match_id, payment.amount_minor, payment.currency
HAVING sum(matches.amount_minor - matches.residual_minor) <> payment.amount_minor
    OR bool_or(matches.currency <> payment.currency)
