-- Who saw personal data in clear, and whose was destroyed, stands in the audit log.

CALL audit.watch('vault.openings', 'INSERT', $told$
    SELECT actor, 'personal data opened', purpose, opened || ' values', '', ops.sha256_of(to_jsonb(added)::text), '',
        'opening ' || opening_id
    FROM added ORDER BY opening_id $told$);
CALL audit.watch('vault.erasures', 'INSERT', $told$
    SELECT asked_by, 'erasure asked for', entity || '/' || native_id, reason, '', ops.sha256_of(to_jsonb(added)::text), '',
        'erasure ' || erasure_id
    FROM added ORDER BY erasure_id $told$);
CALL audit.watch('vault.erasures', 'UPDATE', $told$
    SELECT added.approved_by, 'erasure approved', added.entity || '/' || added.native_id,
        added.destroyed || ' values destroyed', ops.sha256_of(to_jsonb(gone)::text), ops.sha256_of(to_jsonb(added)::text), '',
        'erasure ' || added.erasure_id
    FROM added JOIN gone USING (erasure_id) ORDER BY added.erasure_id $told$);
