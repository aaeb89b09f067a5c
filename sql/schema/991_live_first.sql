-- What was looked at is found by the invoice or the payment it names. Who asks compares in the order of bytes, as ids are
-- compared everywhere; an index in any other order is of no use to them, and all that was ever looked at was read each time.

DROP INDEX delivery.looked_at_entity_expr_idx, delivery.looked_at_entity_expr_idx1;
CREATE INDEX looked_at_invoice_idx ON delivery.looked_at (entity, (facts ->> 'invoice_id') COLLATE "C");
CREATE INDEX looked_at_payment_idx ON delivery.looked_at (entity, (facts ->> 'payment_id') COLLATE "C");
ANALYZE delivery.looked_at;

-- What waits to be looked at, what was heard of as it happened before what was missed then: inbox.sql takes it so.
CREATE INDEX inbox_live_idx
ON delivery.inbox (coalesce(received_at - occurred_at > interval '5 minutes', false), next_at, hint_id)
WHERE state IN ('new', 'taken');
