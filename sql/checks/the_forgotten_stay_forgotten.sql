-- Rows: stand-ins in records of somebody forgotten that can be opened. The account a statement is of is the business's own.
SELECT said.entity, said.native_id, stands
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
    SELECT 'bank_lines', native_id, payer_text FROM canonical.bank_lines
) AS said
JOIN vault.erasure_records AS listed USING (entity, native_id)
JOIN vault.erasures USING (erasure_id)
JOIN vault.sealed ON token = left(stands, 27)
WHERE NOT spared AND approved_by IS NOT NULL AND wrapped_key IS NOT NULL;
