-- What messages are about in money: the amounts of the records that their subjects name, each record once, by currency; NULL
-- where none of them is known. A task is about an invoice or a deal.
CREATE FUNCTION delivery.worth_of(subjects text[]) RETURNS jsonb STABLE LANGUAGE sql AS $$
    WITH named AS (
        SELECT DISTINCT split_part(subject, '/', 1) AS entity, substr(subject, strpos(subject, '/') + 1) COLLATE "C" AS id
        FROM unnest(subjects) AS subject
    ), worth AS (
        SELECT currency, gross_minor AS minor FROM named JOIN canonical.invoices ON native_id = named.id
        WHERE entity IN ('invoices', 'tasks') AND superseded_in IS NULL
        UNION ALL
        SELECT currency, amount_minor FROM named JOIN canonical.opportunities ON native_id = named.id
        WHERE entity IN ('opportunities', 'tasks') AND superseded_in IS NULL
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
