-- Rows: schedules that are not all of their order, and lines whose invoice was not decided once.
SELECT line.order_id, sum(line.amount) AS scheduled, max(body ->> 'amount') AS ordered
FROM delivery.schedule_lines AS line
JOIN delivery.outbox AS placed ON placed.kind = 'order' AND placed.state = 'confirmed' AND placed.remote_id = line.order_id
GROUP BY line.order_id, placed.message_id
HAVING sum(line.amount) <> max((body ->> 'amount')::numeric)
UNION ALL
SELECT line.order_id, line.line, count(invoice.message_id)::text
FROM delivery.schedule_lines AS line
LEFT JOIN delivery.outbox AS invoice
    ON invoice.kind = 'invoice' AND invoice.subject = 'orders/' || line.order_id
        AND (invoice.body ->> 'line')::int = line.line AND invoice.state <> 'superseded'
GROUP BY line.order_id, line.line, line.decided_at
HAVING count(invoice.message_id) <> CASE WHEN line.decided_at IS NULL THEN 0 ELSE 1 END
