-- Payments as they were looked at or landed last, and whose they are: one that names no invoice is its customer's money.
CREATE OR REPLACE VIEW delivery.payments AS
SELECT native_id, currency::text, amount_minor, status, invoice_id, customer_id FROM canonical.payments AS landed
WHERE superseded_in IS NULL AND NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = 'payments' AND seen.native_id = landed.native_id
        AND seen.looked_at >= delivery.pulled_at(recorded_in, 'payments')
)
UNION ALL
SELECT native_id, facts ->> 'currency', (facts ->> 'amount_minor')::bigint, facts ->> 'status', facts ->> 'invoice_id',
    facts ->> 'customer_id'
FROM delivery.looked_at AS seen
WHERE entity = 'payments' AND NOT gone AND NOT EXISTS (
    SELECT FROM canonical.payments AS landed
    WHERE landed.native_id = seen.native_id AND superseded_in IS NULL
        AND seen.looked_at < delivery.pulled_at(recorded_in, 'payments')
);
