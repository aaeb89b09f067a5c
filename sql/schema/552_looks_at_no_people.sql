-- A look keeps nothing personal, nor what compares it: nothing is decided by it, and no erasure would have to find it.

UPDATE delivery.looked_at SET facts = kept, facts_sha256 = ops.sha256_of(kept::text)
FROM (
    SELECT source, entity, native_id, facts - ARRAY[
        'first_name', 'last_name', 'email', 'phone', 'payer_text', 'card', 'account', 'name_head', 'name_likeness',
        'payer_head', 'payer_key', 'payer_likeness', 'row_hash'
    ] AS kept
    FROM delivery.looked_at WHERE entity IN ('contacts', 'customers', 'payments', 'attempts', 'bank_lines')
) AS seen
WHERE (looked_at.source, looked_at.entity, looked_at.native_id) = (seen.source, seen.entity, seen.native_id)
    AND facts <> kept;
