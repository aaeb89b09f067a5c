-- Answers that people gave and that became no row of their own elsewhere: who does not sign, and whose answer was not possible.

CALL audit.watch('parity.sign_asks', 'UPDATE', $told$
    SELECT recon.identity(added.answered_by), 'signature ' || added.outcome || ': ' || added.role, 'windows/' || added.window_no,
        added.words, '', ops.sha256_of(to_jsonb(added)::text), '', 'question ' || ask_no
    FROM added JOIN gone USING (ask_no)
    WHERE gone.outcome IS NULL AND added.outcome IN ('declined', 'refused') ORDER BY ask_no $told$);
CALL audit.watch('recon.approval_asks', 'UPDATE', $told$
    SELECT recon.identity(added.answered_by), 'approval refused', 'breaks/' || added.break_id, added.words, '',
        ops.sha256_of(to_jsonb(added)::text), '', 'question ' || ask_no
    FROM added JOIN gone USING (ask_no) WHERE gone.outcome IS NULL AND added.outcome = 'refused' ORDER BY ask_no $told$);
