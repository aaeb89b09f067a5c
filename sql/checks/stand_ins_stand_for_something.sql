-- Rows: stand-ins of personal data that landed without what they stand for, sealed or destroyed; and in records of somebody
-- forgotten those that can be opened. The account a statement is of is the business's own.
WITH said AS NOT MATERIALIZED (
    SELECT 'contacts' AS entity, native_id, 'people' AS field,
        unnest(ARRAY[first_name, last_name, email, phone]) AS stands
    FROM canonical.contacts
    UNION ALL
    SELECT 'customers', native_id, 'email', email FROM canonical.customers
    UNION ALL
    SELECT 'payments', native_id, 'payer_text', payer_text FROM canonical.payments
    UNION ALL
    SELECT 'attempts', native_id, 'card', card FROM canonical.attempts
    UNION ALL
    SELECT 'bank_lines', native_id, 'payer_text', payer_text FROM canonical.bank_lines
    UNION ALL
    SELECT 'bank_lines', native_id, 'account', account FROM canonical.bank_lines
)
SELECT entity, native_id, stands FROM said
WHERE starts_with(stands, 'pii1:') AND NOT EXISTS (SELECT FROM vault.sealed WHERE token = left(stands, 27))
UNION ALL
SELECT said.entity, said.native_id, stands
FROM said
JOIN vault.erasure_records AS listed USING (entity, native_id)
JOIN vault.erasures USING (erasure_id)
JOIN vault.sealed ON token = left(stands, 27)
WHERE said.field <> 'account' AND NOT spared AND approved_by IS NOT NULL AND wrapped_key IS NOT NULL;
