-- Hints that something changed: kept once, taken by one worker at a time, done when their object was looked at.

-- name: take_hints
-- Objects with hints that are due, the longest waiting first. All hints about an object are answered by one look, and an
-- object somebody is looking at is left to them.
WITH due AS (
    SELECT hint_id, source, entity, native_id, next_at FROM delivery.inbox
    WHERE state IN ('new', 'taken') AND next_at <= ops.clock() AND source = ANY (%(sources)s)
    ORDER BY next_at, hint_id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
UPDATE delivery.inbox AS hint
SET state = 'taken', fence = fence + 1, attempts = attempts + 1, next_at = ops.clock() + %(lease)s
FROM due
WHERE hint.hint_id = due.hint_id
RETURNING hint.hint_id, hint.fence, hint.source, hint.entity, hint.native_id, hint.attempts;

-- name: lock_object
SELECT pg_advisory_xact_lock(hashtextextended(%(source)s || '/' || %(entity)s || '/' || %(native_id)s, 0));

-- name: next_look
SELECT nextval('delivery.looks') AS look, ops.clock() AS looked_at;

-- name: keep_look
-- A look that began before another that is kept already saw nothing newer.
INSERT INTO delivery.looked_at AS known (source, entity, native_id, look, looked_at, gone, facts, facts_sha256)
VALUES (
    %(source)s, %(entity)s, %(native_id)s, %(look)s, %(looked_at)s, %(gone)s, %(facts)s, %(facts_sha256)s
)
ON CONFLICT (source, entity, native_id) DO UPDATE
SET look = excluded.look, looked_at = excluded.looked_at, gone = excluded.gone, facts = excluded.facts,
    facts_sha256 = excluded.facts_sha256
WHERE known.look < excluded.look;

-- name: finish_hints
UPDATE delivery.inbox AS hint
SET state = done.state, next_at = ops.clock() + done.wait, reason = done.reason,
    finished_at = CASE WHEN done.state IN ('done', 'dead') THEN ops.clock() END
FROM unnest(
    %(hints)s::bigint[], %(fences)s::bigint[], %(states)s::text[], %(reasons)s::text[], %(waits)s::interval[]
) AS done (hint_id, fence, state, reason, wait)
WHERE hint.hint_id = done.hint_id AND hint.fence = done.fence AND hint.state = 'taken';

-- name: invoices_of_object
-- The invoices an object is about: those its payment says, and those the newest published run posted it to; the one a
-- credit note is of; an invoice itself.
WITH payment AS (
    SELECT CASE %(entity)s WHEN 'payments' THEN %(native_id)s ELSE (
        SELECT payment_id FROM delivery.returns WHERE entity = %(entity)s AND native_id = %(native_id)s
    ) END AS payment_id
), newest AS (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
)
SELECT invoice_id FROM delivery.payments JOIN payment ON payment_id = native_id WHERE invoice_id IS NOT NULL
UNION
SELECT side_b_id FROM recon.matches JOIN newest USING (run_id) JOIN payment ON side_a_id = payment_id
WHERE recon = 'R3' AND side_a_type = 'payment' AND side_b_type = 'invoice' AND matches.state = 'posted'
UNION
SELECT invoice_id FROM canonical.credit_notes
WHERE %(entity)s = 'credit_notes' AND native_id = %(native_id)s AND superseded_in IS NULL AND invoice_id IS NOT NULL
UNION
SELECT %(native_id)s WHERE %(entity)s = 'invoices'
ORDER BY 1;

-- name: invoice_with_its_deal
SELECT * FROM delivery.invoices WHERE invoice_id = %(invoice_id)s;

-- name: invoices_of_deal
SELECT * FROM delivery.invoices WHERE opportunity_id = %(opportunity_id)s ORDER BY invoice_id;

-- name: money_of_invoice
-- Every payment for an invoice, with its share: what a run posted of it, else all of it. Which payments these are is
-- found first, by what each says and by what was posted, so that no other payment is ever read.
WITH newest AS (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
), posted AS (
    SELECT side_a_id AS payment_id, sum(amount_minor + residual_minor)::bigint AS minor
    FROM recon.matches JOIN newest USING (run_id)
    WHERE recon = 'R3' AND side_b_type = 'invoice' AND side_b_id = %(invoice_id)s AND matches.state = 'posted'
    GROUP BY side_a_id
), concerned AS MATERIALIZED (
    SELECT native_id AS payment_id FROM delivery.payments WHERE invoice_id = %(invoice_id)s
    UNION
    SELECT payment_id FROM posted
), payment AS MATERIALIZED (
    SELECT known.* FROM concerned
    CROSS JOIN LATERAL (SELECT * FROM delivery.payments WHERE native_id = concerned.payment_id) AS known
)
SELECT payment.native_id AS payment_id, payment.status, payment.currency, payment.amount_minor AS paid_minor,
    coalesce(posted.minor, payment.amount_minor) AS amount_minor, coalesce((
        SELECT jsonb_agg(jsonb_build_object('invoice_id', invoice_id, 'minor', minor) ORDER BY invoice_id)
        FROM (
            SELECT side_b_id AS invoice_id, sum(amount_minor + residual_minor)::bigint AS minor
            FROM recon.matches JOIN newest USING (run_id)
            WHERE recon = 'R3' AND side_b_type = 'invoice' AND side_a_id = payment.native_id AND matches.state = 'posted'
            GROUP BY side_b_id
        ) AS share
    ), '[]') AS shares,
    coalesce(jsonb_agg(jsonb_build_object(
        'entity', returned.entity, 'status', returned.status, 'amount_minor', returned.amount_minor
    ) ORDER BY returned.entity, returned.native_id) FILTER (WHERE returned.native_id IS NOT NULL), '[]') AS returns
FROM payment
LEFT JOIN posted ON posted.payment_id = payment.native_id
LEFT JOIN LATERAL (
    SELECT * FROM delivery.returns WHERE returns.payment_id = payment.native_id
) AS returned ON true
GROUP BY payment.native_id, payment.status, payment.currency, posted.minor, payment.amount_minor
ORDER BY payment.native_id;

-- name: returns_of_payment
SELECT entity, native_id, currency, amount_minor, status FROM delivery.returns
WHERE payment_id = %(payment_id)s ORDER BY entity, native_id;

-- name: newest_message
-- What was last said about a subject, and how often anything was.
SELECT body_sha256, state, reason, count(*) OVER () AS said
FROM delivery.outbox WHERE target = %(target)s AND subject = %(subject)s AND kind = %(kind)s
ORDER BY message_id DESC LIMIT 1;

-- name: newest_batch
SELECT coalesce(max(batch), 0) AS batch FROM ops.batches;

-- name: landed_since
-- Payments, refunds, disputes and credit notes that landed after a place, in their order; and invoices that changed after
-- they were told, or of which a payment may have landed before they did. Of each kind no more than is wanted is read.
-- (OFFSET 0: asked invoice by invoice; otherwise Postgres may gather all that was ever told or paid, for some fifty of them.)
WITH landed AS (
    (
        SELECT recorded_in AS batch, 'payments/' || native_id AS place, 'payments' AS entity, native_id
        FROM canonical.payments
        WHERE superseded_in IS NULL AND (recorded_in, 'payments/' || native_id) > (%(batch)s, %(place)s)
        ORDER BY recorded_in, 'payments/' || native_id LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT recorded_in AS batch, 'refunds/' || native_id AS place, 'refunds' AS entity, native_id
        FROM canonical.refunds
        WHERE superseded_in IS NULL AND (recorded_in, 'refunds/' || native_id) > (%(batch)s, %(place)s)
        ORDER BY recorded_in, 'refunds/' || native_id LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT recorded_in AS batch, 'disputes/' || native_id AS place, 'disputes' AS entity, native_id
        FROM canonical.disputes
        WHERE superseded_in IS NULL AND (recorded_in, 'disputes/' || native_id) > (%(batch)s, %(place)s)
        ORDER BY recorded_in, 'disputes/' || native_id LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT recorded_in AS batch, 'credit_notes/' || native_id AS place, 'credit_notes' AS entity, native_id
        FROM canonical.credit_notes
        WHERE superseded_in IS NULL AND invoice_id IS NOT NULL
            AND (recorded_in, 'credit_notes/' || native_id) > (%(batch)s, %(place)s)
        ORDER BY recorded_in, 'credit_notes/' || native_id LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT recorded_in AS batch, 'invoices/' || native_id AS place, 'invoices' AS entity, native_id
        FROM canonical.invoices AS invoice
        WHERE superseded_in IS NULL AND (recorded_in, 'invoices/' || native_id) > (%(batch)s, %(place)s) AND (
            EXISTS (
                SELECT FROM delivery.outbox
                WHERE subject = 'invoices/' || invoice.native_id AND kind = 'invoice_status' OFFSET 0
            )
            OR EXISTS (SELECT FROM delivery.payments AS paid WHERE paid.invoice_id = invoice.native_id OFFSET 0)
        )
        ORDER BY recorded_in, 'invoices/' || native_id LIMIT %(most)s
    )
)
SELECT batch, entity, native_id FROM landed ORDER BY batch, place LIMIT %(most)s;

-- name: newest_word
-- A payment, refund or dispute as it was looked at or landed last.
SELECT currency, amount_minor, status FROM delivery.payments
WHERE %(entity)s = 'payments' AND native_id = %(native_id)s
UNION ALL
SELECT currency, amount_minor, status FROM delivery.returns
WHERE entity = %(entity)s AND native_id = %(native_id)s;
