-- What of a payment is left to a person: what was paid, less what of it was applied and what went back. A run says it of every
-- payment that has something left; in each currency that is what its control total has open, but for money below zero of
-- which nobody knows what it takes back.
CREATE TABLE recon.unapplied_payments (
    run_id uuid NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    left_minor bigint NOT NULL CHECK (left_minor > 0),
    in_part boolean NOT NULL,  -- some of it was applied
    PRIMARY KEY (run_id, payment_id)
);

-- Of runs before, as far as their breaks say it: payments that are money, and have a break of their own.
INSERT INTO recon.unapplied_payments
SELECT DISTINCT ON (one.run_id, one.key) one.run_id, one.key, payment.currency, left_over.minor, posted.minor IS NOT NULL
FROM recon.breaks AS one
JOIN recon.runs USING (run_id)
JOIN canonical.payments AS payment ON payment.native_id = one.key AND payment.recorded_in <= batch_through
    AND (payment.superseded_in IS NULL OR payment.superseded_in > batch_through)
LEFT JOIN LATERAL (
    SELECT sum(coalesce(paid_minor, match.amount_minor))::bigint AS minor FROM recon.matches AS match
    WHERE match.run_id = one.run_id AND match.side_a_id = one.key AND match.recon = 'R3' AND match.state = 'posted'
        AND match.side_a_type = 'payment'
) AS posted ON true
LEFT JOIN LATERAL (
    SELECT sum(refund.amount_minor)::bigint AS minor
    FROM canonical.refunds AS refund
    LEFT JOIN recon.status_words AS words
        ON words.rules_sha256 = runs.rules_sha256 AND words.entity = 'refunds' AND words.word = lower(refund.status)
    WHERE refund.payment_id = one.key AND refund.currency = payment.currency AND refund.created_on <= runs.as_of
        AND refund.recorded_in <= batch_through AND (refund.superseded_in IS NULL OR refund.superseded_in > batch_through)
        AND (refund.status IS NULL OR words.status IN ('SUCCEEDED', 'PENDING'))
) AS back ON true
CROSS JOIN LATERAL (
    SELECT payment.amount_minor - coalesce(posted.minor, 0) - coalesce(back.minor, 0) AS minor
) AS left_over
WHERE one.recon = 'R3' AND one.code NOT IN ('CA12', 'CA13', 'CA14', 'CA15', 'CA18') AND left_over.minor > 0
ORDER BY one.run_id, one.key;

CREATE TRIGGER run_id_is_known AFTER INSERT ON recon.unapplied_payments
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_strangers('run_id', 'recon.runs', 'run_id');
CREATE TRIGGER run_id_stays_known AFTER UPDATE ON recon.unapplied_payments
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_strangers('run_id', 'recon.runs', 'run_id');
