-- Asking in Airflow for the approvals that proposals wait for.

-- name: person_is_known
SELECT person FROM ops.console_people
WHERE person = %(person)s AND may = %(may)s::text[] AND seen_at > clock_timestamp() - %(kept_for)s::interval;

-- name: note_person
INSERT INTO ops.console_people (person, may) VALUES (%(person)s, %(may)s::text[])
ON CONFLICT (person) DO UPDATE SET may = EXCLUDED.may, seen_at = clock_timestamp();

-- name: permissions_of
SELECT may, seen_at < clock_timestamp() - %(fresh)s::interval AS stale
FROM ops.console_people WHERE person = %(person)s;

-- name: give_up_asks
-- Nobody has looked for long: their run is gone.
UPDATE recon.approval_asks SET closed_at = clock_timestamp(), outcome = 'unanswered'
WHERE closed_at IS NULL AND asked_in <> %(asked_in)s AND looked_at < clock_timestamp() - %(patience)s::interval;

-- name: ask_for_approvals
-- Largest first; what is asked about already is left to whoever asked.
INSERT INTO recon.approval_asks (break_id, proposal_no, asked_in)
SELECT break_id, proposal_no, %(asked_in)s
FROM recon.break_lives
WHERE state = 'PROPOSED' AND is_open AND NOT EXISTS (
    SELECT FROM recon.approval_asks AS asked
    WHERE asked.break_id = break_lives.break_id AND asked.proposal_no = break_lives.proposal_no AND closed_at IS NULL
)
ORDER BY severity, value_rank, break_id LIMIT %(limit)s
ON CONFLICT DO NOTHING;

-- name: asks_of
SELECT ask_no, ask.break_id, ask.proposal_no, life.code, life.key, life.currency, life.amount_minor, life.severity,
    proposal.kind, proposal.reason, maker_id AS maker, checkers_needed,
    (
        SELECT coalesce(array_agg(checker_id ORDER BY ordinal), '{}') FROM recon.break_approvals AS approval
        WHERE approval.break_id = ask.break_id AND approval.proposal_no = ask.proposal_no
    ) AS checkers,
    pairing.currency AS paired_currency, invoice_ids, amounts_minor,
    (
        SELECT answered_by || ': ' || words FROM recon.approval_asks AS earlier
        WHERE earlier.break_id = ask.break_id AND earlier.proposal_no = ask.proposal_no AND outcome = 'refused'
        ORDER BY ask_no DESC LIMIT 1
    ) AS refused
FROM recon.approval_asks AS ask
JOIN recon.break_lives AS life ON life.break_id = ask.break_id
JOIN recon.break_proposals AS proposal ON proposal.break_id = ask.break_id AND proposal.proposal_no = ask.proposal_no
LEFT JOIN recon.pairings AS pairing ON pairing.break_id = ask.break_id AND pairing.proposal_no = ask.proposal_no
WHERE asked_in = %(asked_in)s AND closed_at IS NULL
ORDER BY ask_no;

-- name: look_at_ask
-- `waits`: the proposal is still the one pending, and nobody approved it since it was asked about.
UPDATE recon.approval_asks AS ask SET looked_at = clock_timestamp()
FROM recon.break_lives AS life
WHERE ask_no = %(ask)s AND life.break_id = ask.break_id
RETURNING ask.break_id, ask.proposal_no, closed_at IS NOT NULL AS closed, life.version,
    asked_at < clock_timestamp() - %(asked_for)s::interval AS old,
    life.state = 'PROPOSED' AND life.proposal_no = ask.proposal_no AND NOT EXISTS (
        SELECT FROM recon.break_approvals AS approval
        WHERE approval.break_id = ask.break_id AND approval.proposal_no = ask.proposal_no AND approved_at > asked_at
    ) AS waits;

-- name: close_ask
UPDATE recon.approval_asks
SET closed_at = clock_timestamp(), outcome = %(outcome)s, answered_by = %(by)s, words = %(words)s
WHERE ask_no = %(ask)s AND closed_at IS NULL;
