-- Rows: customers' months of which policy wrote off more than their cap, of what is still written off; and write-offs
-- of another amount than the break's.
SELECT customer_id, month, sum(abs(write_offs.amount_sgd_minor)) AS written_off_minor
FROM recon.write_offs
JOIN recon.break_lives AS life ON life.break_id = write_offs.break_id AND life.accepted_in = write_offs.version
WHERE counts
GROUP BY customer_id, month
HAVING sum(abs(write_offs.amount_sgd_minor)) > max(cap_sgd_minor)
UNION ALL
SELECT customer_id, month, abs(write_offs.amount_sgd_minor)
FROM recon.write_offs JOIN recon.break_events AS event USING (break_id, version)
WHERE event.action <> 'written_off' OR event.amount_sgd_minor IS DISTINCT FROM write_offs.amount_sgd_minor
