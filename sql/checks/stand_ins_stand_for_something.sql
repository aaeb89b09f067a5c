-- Rows: stand-ins of personal data that landed without what they stand for, sealed or destroyed.
SELECT entity, native_id, stands
FROM (
    SELECT 'contacts' AS entity, native_id, unnest(ARRAY[first_name, last_name, email, phone]) AS stands
    FROM canonical.contacts
    UNION ALL
    SELECT 'customers', native_id, email FROM canonical.customers
    UNION ALL
    SELECT 'payments', native_id, payer_text FROM canonical.payments
    UNION ALL
    SELECT 'attempts', native_id, card FROM canonical.attempts
    UNION ALL
    SELECT 'bank_lines', native_id, unnest(ARRAY[account, payer_text]) FROM canonical.bank_lines
) AS said
WHERE starts_with(stands, 'pii1:') AND NOT EXISTS (SELECT FROM vault.sealed WHERE token = left(stands, 27));
