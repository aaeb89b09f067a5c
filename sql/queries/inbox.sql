-- Hints that something changed: kept once, taken by one worker at a time, done when their object was looked at.

-- part: due
SELECT hint_id FROM delivery.inbox
WHERE state IN ('new', 'taken') AND next_at <= (SELECT ops.clock()) AND source = ANY (%(sources)s)

-- part: take
UPDATE delivery.inbox AS hint
SET state = 'taken', fence = fence + 1, attempts = attempts + 1, next_at = ops.clock() + %(lease)s
FROM due
WHERE hint.hint_id = due.hint_id
RETURNING hint.hint_id, hint.fence, hint.source, hint.event_id, hint.entity, hint.native_id, hint.attempts

-- name: take_hints
-- Objects with hints that are due, the longest waiting first. All hints about an object are answered by one look, and an
-- object somebody is looking at is left to them.
WITH due AS (
    {due} ORDER BY next_at, hint_id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) {take};

-- name: take_live_hints
-- The same, but what was heard of as it happened before what was missed then, as in an outage: somebody waits for it.
WITH due AS (
    {due} ORDER BY coalesce(received_at - occurred_at > interval '5 minutes', false), next_at, hint_id
    LIMIT %(most)s FOR UPDATE SKIP LOCKED
) {take};

-- name: lock_object
SELECT pg_advisory_xact_lock(hashtextextended(%(source)s || '/' || %(entity)s || '/' || %(native_id)s, 0));

-- name: lock_objects
-- One after another in their order: whoever locks several never waits in a circle.
SELECT pg_advisory_xact_lock(hashtextextended(source || '/' || entity || '/' || native_id, 0))
FROM (
    SELECT * FROM unnest(%(sources)s::text[], %(entities)s::text[], %(native_ids)s::text[])
        AS told (source, entity, native_id)
    ORDER BY source, entity, native_id OFFSET 0
) AS thing;

-- name: next_look
SELECT nextval('delivery.looks') AS look, ops.clock() AS looked_at;

-- name: keep_look
-- A look that began before another that is kept already saw nothing newer, nor one that began before a page was asked for
-- that states the same object in a way that can be read.
INSERT INTO delivery.looked_at AS known (source, entity, native_id, look, looked_at, gone, facts, facts_sha256)
SELECT %(source)s, %(entity)s, %(native_id)s, %(look)s, %(looked_at)s, %(gone)s, %(facts)s, %(facts_sha256)s
WHERE NOT EXISTS (
    SELECT FROM raw.records AS stated JOIN ops.pulls USING (pull_id)
    WHERE stated.system = %(source)s AND stated.entity = %(entity)s AND stated.native_id = %(native_id)s
        AND pulls.pulled_at > %(looked_at)s AND NOT EXISTS (
            SELECT FROM canonical.quarantine AS held
            WHERE held.system = stated.system AND held.entity = stated.entity AND held.native_id = stated.native_id
                AND held.version = stated.version AND held.released_in IS NULL
        )
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

-- name: look_again
-- Every object whose look failed for good is hinted at once more, in the name of its newest failure, so that who asks twice
-- asks once; and how many these are.
INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind, sequence)
SELECT source, 'again ' || max(hint_id), entity, native_id, 'again', max(hint_id)::text
FROM delivery.failed_looks GROUP BY source, entity, native_id
ORDER BY source, 2
ON CONFLICT DO NOTHING;

-- name: invoices_of_objects
-- The invoices each object is about: those its payment says, and those the newest published run posted it to; the ones a
-- credit note is or was of; an invoice itself; those of an order, or of the order a deal names. `still` is false of those it was
-- told to be about and is no more.
WITH wanted AS (
    SELECT DISTINCT entity, native_id
    FROM unnest(%(entities)s::text[], %(native_ids)s::text[]) AS told (entity, native_id)
), payment AS MATERIALIZED (
    SELECT entity, native_id, CASE entity WHEN 'payments' THEN native_id ELSE (
        SELECT payment_id FROM delivery.returns
        WHERE returns.entity = wanted.entity AND returns.native_id = wanted.native_id
    ) END AS payment_id
    FROM wanted
), placed AS MATERIALIZED (
    SELECT entity, native_id, CASE entity WHEN 'orders' THEN native_id ELSE (
        SELECT erp_order_id FROM canonical.opportunities AS deal
        WHERE deal.native_id = wanted.native_id AND deal.superseded_in IS NULL
    ) END AS order_id
    FROM wanted WHERE entity IN ('orders', 'opportunities')
), newest AS (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
)
SELECT entity, native_id, invoice_id, bool_or(still) AS still FROM (
    SELECT payment.entity, payment.native_id, known.invoice_id, true AS still
    FROM payment CROSS JOIN LATERAL (SELECT invoice_id FROM delivery.payments WHERE native_id = payment.payment_id OFFSET 0) AS known
    WHERE known.invoice_id IS NOT NULL
    UNION
    SELECT payment.entity, payment.native_id, side_b_id, true
    FROM payment JOIN recon.matches ON side_a_id = payment_id JOIN newest USING (run_id)
    WHERE recon = 'R3' AND side_a_type = 'payment' AND side_b_type = 'invoice' AND matches.state = 'posted'
    UNION
    SELECT wanted.entity, wanted.native_id, note.invoice_id, true
    FROM wanted JOIN canonical.credit_notes AS note ON note.native_id = wanted.native_id
    WHERE wanted.entity = 'credit_notes' AND note.invoice_id IS NOT NULL
    UNION
    SELECT entity, native_id, native_id, true FROM wanted WHERE entity = 'invoices'
    UNION
    SELECT placed.entity, placed.native_id, billed.native_id, true
    FROM placed CROSS JOIN LATERAL (
        SELECT native_id FROM canonical.invoices
        WHERE order_id = placed.order_id AND superseded_in IS NULL OFFSET 0
    ) AS billed
    UNION
    SELECT wanted.entity, wanted.native_id, told.body ->> 'invoice_id', false
    FROM wanted CROSS JOIN LATERAL (  -- of each by the index: what begins with its name and a slash, which 0 follows
        SELECT subject, body FROM delivery.outbox
        WHERE subject > 'activities/' || wanted.entity || '/' || wanted.native_id || '/'
            AND subject < 'activities/' || wanted.entity || '/' || wanted.native_id || '0' AND kind = 'payment_activity'
        OFFSET 0
    ) AS told
    WHERE told.subject = concat_ws('/', 'activities', wanted.entity, wanted.native_id, told.body ->> 'invoice_id')
) AS about
GROUP BY entity, native_id, invoice_id
ORDER BY entity, native_id, invoice_id;

-- name: invoices_with_their_deals
SELECT known.* FROM unnest(%(invoices)s::text[]) AS wanted (invoice_id)
CROSS JOIN LATERAL (SELECT * FROM delivery.invoices WHERE invoice_id = wanted.invoice_id) AS known
ORDER BY known.invoice_id;

-- name: deals_told_of
-- The deals that the CRM has, and was told these invoices to be of.
SELECT DISTINCT deal.native_id AS opportunity_id
FROM unnest(%(invoices)s::text[]) AS wanted (invoice_id)
CROSS JOIN LATERAL (
    SELECT body ->> 'opportunity_id' AS opportunity_id FROM delivery.outbox
    WHERE subject = 'invoices/' || wanted.invoice_id AND kind = 'invoice_status' ORDER BY message_id DESC LIMIT 1
) AS told
JOIN canonical.opportunities AS deal ON deal.native_id = told.opportunity_id AND deal.superseded_in IS NULL;

-- name: invoices_of_deals
-- Of every order that may be a deal's, by what either says; the view knows of which deal it is.
SELECT known.* FROM unnest(%(opportunities)s::text[]) AS wanted (opportunity_id)
CROSS JOIN LATERAL (
    SELECT native_id AS order_id FROM canonical.orders
    WHERE opportunity_id IN (wanted.opportunity_id, canonical.other_id(wanted.opportunity_id)) AND superseded_in IS NULL
    UNION
    SELECT erp_order_id FROM canonical.opportunities WHERE native_id = wanted.opportunity_id AND superseded_in IS NULL
) AS placed
CROSS JOIN LATERAL (SELECT * FROM delivery.invoices WHERE order_id = placed.order_id) AS known
WHERE known.opportunity_id = wanted.opportunity_id
ORDER BY known.invoice_id;

-- name: money_of_invoices
-- Every payment for each invoice, with its share: what a run posted of it (`posted`, in the invoice's currency whatever the
-- payment's is), else all of it. `shares`: what of the payment itself went to which invoice. Which payments these are is found
-- first, by what each says and by what was posted, so that no other payment is ever read.
-- (OFFSET 0: as in landed_since.)
WITH wanted AS (
    SELECT DISTINCT invoice_id FROM unnest(%(invoices)s::text[]) AS told (invoice_id)
), newest AS (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
), posted AS (
    SELECT side_b_id AS invoice_id, side_a_id AS payment_id, sum(amount_minor + residual_minor)::bigint AS minor
    FROM recon.matches JOIN newest USING (run_id)
    WHERE recon = 'R3' AND side_b_type = 'invoice' AND side_b_id = ANY (%(invoices)s::text[])
        AND matches.state = 'posted'
    GROUP BY side_b_id, side_a_id
), concerned AS MATERIALIZED (
    SELECT wanted.invoice_id, paid.native_id AS payment_id
    FROM wanted
    CROSS JOIN LATERAL (SELECT native_id FROM delivery.payments WHERE invoice_id = wanted.invoice_id OFFSET 0) AS paid
    UNION
    SELECT invoice_id, payment_id FROM posted
), payment AS MATERIALIZED (
    SELECT concerned.invoice_id AS of_invoice, known.* FROM concerned
    CROSS JOIN LATERAL (SELECT * FROM delivery.payments WHERE native_id = concerned.payment_id OFFSET 0) AS known
)
SELECT payment.of_invoice AS invoice_id, payment.native_id AS payment_id, payment.status, payment.currency,
    payment.amount_minor AS paid_minor, coalesce(posted.minor, payment.amount_minor) AS amount_minor,
    posted.minor IS NOT NULL AS posted, coalesce((
        SELECT jsonb_agg(jsonb_build_object('invoice_id', invoice_id, 'minor', minor) ORDER BY invoice_id)
        FROM (
            SELECT side_b_id AS invoice_id, sum(coalesce(matches.paid_minor, matches.amount_minor))::bigint AS minor
            FROM recon.matches JOIN newest USING (run_id)
            WHERE recon = 'R3' AND side_b_type = 'invoice' AND side_a_id = payment.native_id AND matches.state = 'posted'
            GROUP BY side_b_id
        ) AS share
    ), '[]') AS shares,
    coalesce(jsonb_agg(jsonb_build_object(
        'entity', returned.entity, 'status', returned.status, 'amount_minor', returned.amount_minor
    ) ORDER BY returned.entity, returned.native_id) FILTER (WHERE returned.native_id IS NOT NULL), '[]') AS returns
FROM payment
LEFT JOIN posted ON posted.payment_id = payment.native_id AND posted.invoice_id = payment.of_invoice
LEFT JOIN LATERAL (
    SELECT * FROM delivery.returns WHERE returns.payment_id = payment.native_id OFFSET 0
) AS returned ON true
GROUP BY payment.of_invoice, payment.native_id, payment.status, payment.currency, posted.minor, payment.amount_minor
ORDER BY payment.of_invoice, payment.native_id;

-- name: returns_of_payments
SELECT known.payment_id, known.entity, known.native_id, known.currency, known.amount_minor, known.status
FROM unnest(%(payments)s::text[]) AS wanted (payment_id)
CROSS JOIN LATERAL (SELECT * FROM delivery.returns WHERE payment_id = wanted.payment_id OFFSET 0) AS known
ORDER BY known.payment_id, known.entity, known.native_id;

-- name: newest_messages
-- What was last said about each subject, and how often anything was; nothing of those nothing was said about.
SELECT wanted.place::int AS place, last.body_sha256, last.state, last.reason, last.said
FROM unnest(%(targets)s::text[], %(subjects)s::text[], %(kinds)s::text[])
    WITH ORDINALITY AS wanted (target, subject, kind, place)
CROSS JOIN LATERAL (
    SELECT body_sha256, state, reason, count(*) OVER () AS said
    FROM delivery.outbox AS told
    WHERE told.target = wanted.target AND told.subject = wanted.subject AND told.kind = wanted.kind
    ORDER BY message_id DESC LIMIT 1
) AS last;

-- name: newest_batch
-- And the newest published run, if any.
SELECT coalesce(max(batch), 0) AS batch, (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
) AS published
FROM ops.batches;

-- name: landed_since
-- Payments, refunds, disputes and credit notes that landed after a place, in their order; invoices that changed after they
-- were told, or of which a payment may have landed before they did; and orders, and deals that name one, of which an invoice
-- was told, perhaps without its deal. Of each kind no more than is wanted is read.
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
    UNION ALL
    (
        SELECT recorded_in AS batch, 'orders/' || native_id AS place, 'orders' AS entity, native_id
        FROM canonical.orders AS told_of
        WHERE superseded_in IS NULL AND (recorded_in, 'orders/' || native_id) > (%(batch)s, %(place)s)
            AND EXISTS (
                SELECT FROM canonical.invoices AS invoice
                JOIN delivery.outbox ON subject = 'invoices/' || invoice.native_id AND kind = 'invoice_status'
                WHERE invoice.order_id = told_of.native_id AND invoice.superseded_in IS NULL OFFSET 0
            )
        ORDER BY recorded_in, 'orders/' || native_id LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT recorded_in AS batch, 'opportunities/' || native_id AS place, 'opportunities' AS entity, native_id
        FROM canonical.opportunities AS told_of
        WHERE superseded_in IS NULL AND erp_order_id IS NOT NULL AND (recorded_in, 'opportunities/' || native_id) > (%(batch)s, %(place)s)
            AND EXISTS (
                SELECT FROM canonical.invoices AS invoice
                JOIN delivery.outbox ON subject = 'invoices/' || invoice.native_id AND kind = 'invoice_status'
                WHERE invoice.order_id = told_of.erp_order_id AND invoice.superseded_in IS NULL OFFSET 0
            )
        ORDER BY recorded_in, 'opportunities/' || native_id LIMIT %(most)s
    )
)
SELECT batch, entity, native_id FROM landed ORDER BY batch, place LIMIT %(most)s;

-- name: posted_since
-- Payments that a run has for other invoices, or for other amounts, than another run had, and invoices that lost one, after
-- a place, in their order.
WITH posted AS (
    SELECT run_id::text, side_a_id AS payment_id, side_b_id AS invoice_id, sum(amount_minor + residual_minor) AS minor
    FROM recon.matches
    WHERE run_id IN (nullif(%(before)s, '')::uuid, nullif(%(run)s, '')::uuid) AND recon = 'R3' AND state = 'posted'
        AND side_a_type = 'payment' AND side_b_type = 'invoice'
    GROUP BY run_id, side_a_id, side_b_id
), was AS (
    SELECT payment_id, invoice_id, minor FROM posted WHERE run_id = %(before)s
), now AS (
    SELECT payment_id, invoice_id, minor FROM posted WHERE run_id = %(run)s
), changed AS (
    (SELECT 'payments' AS entity, payment_id AS native_id FROM (SELECT * FROM now EXCEPT SELECT * FROM was) AS found)
    UNION
    (
        SELECT entity, native_id FROM (SELECT * FROM was EXCEPT SELECT * FROM now) AS lost
        CROSS JOIN LATERAL (VALUES ('payments', payment_id), ('invoices', invoice_id)) AS thing (entity, native_id)
    )
)
SELECT entity, native_id FROM changed WHERE entity || '/' || native_id > %(place)s
ORDER BY entity || '/' || native_id LIMIT %(most)s;

-- name: newest_words
-- Payments, refunds and disputes as they were looked at or landed last. Each is looked up, however many are asked for.
SELECT wanted.entity, wanted.native_id, currency, amount_minor, status
FROM unnest(%(entities)s::text[], %(native_ids)s::text[]) AS wanted (entity, native_id)
CROSS JOIN LATERAL (
    SELECT currency, amount_minor, status FROM delivery.payments
    WHERE wanted.entity = 'payments' AND native_id = wanted.native_id
    UNION ALL
    SELECT currency, amount_minor, status FROM delivery.returns
    WHERE entity = wanted.entity AND native_id = wanted.native_id
    OFFSET 0
) AS word;
