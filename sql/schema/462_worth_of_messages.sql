-- What messages are about in money. A task is about the record that its body names: its subject only says whose order it keeps,
-- and may be a subscription's.

-- The record that a message is about, as `invoices/INV-1`; NULL for a task about none whose worth is known.
CREATE FUNCTION delivery.record_of(subject text, body jsonb) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN starts_with(subject, 'tasks/') THEN coalesce(
        'invoices/' || nullif(body ->> 'invoice_id', ''), 'opportunities/' || nullif(body ->> 'opportunity_id', '')
    ) ELSE subject END
$$;

-- What records are worth, by currency, each counted once; NULL where it is known of none of them.
CREATE FUNCTION delivery.worth_of(subjects text[]) RETURNS jsonb STABLE LANGUAGE sql AS $$
    WITH named AS (
        SELECT DISTINCT split_part(subject, '/', 1) AS entity, substr(subject, strpos(subject, '/') + 1) COLLATE "C" AS id
        FROM unnest(subjects) AS subject
    ), worth AS (
        SELECT currency, gross_minor AS minor FROM named JOIN canonical.invoices ON native_id = named.id
        WHERE entity = 'invoices' AND superseded_in IS NULL
        UNION ALL
        SELECT currency, amount_minor FROM named JOIN canonical.opportunities ON native_id = named.id
        WHERE entity = 'opportunities' AND superseded_in IS NULL
        UNION ALL
        SELECT currency, amount_minor FROM named JOIN canonical.orders ON native_id = named.id
        WHERE entity = 'orders' AND superseded_in IS NULL
        UNION ALL
        SELECT currency, amount_minor FROM named JOIN canonical.payments ON native_id = named.id
        WHERE entity = 'payments' AND superseded_in IS NULL
    )
    SELECT jsonb_object_agg(currency, minor) FROM (
        SELECT currency, sum(abs(minor)) AS minor FROM worth WHERE currency IS NOT NULL AND minor IS NOT NULL GROUP BY currency
    ) AS sums
$$;
