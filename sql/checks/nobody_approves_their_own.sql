-- Rows: approvals by their proposal's maker, and what was approved with fewer distinct checkers than it needs.
SELECT break_id, proposal_no
FROM recon.break_approvals
JOIN recon.break_proposals USING (break_id, proposal_no)
WHERE recon.identity(checker) = recon.identity(maker)
UNION ALL
SELECT event.break_id, event.proposal_no
FROM recon.break_events AS event
JOIN recon.break_proposals AS proposal USING (break_id, proposal_no)
WHERE event.to_state = 'APPROVED' AND proposal.checkers_needed > (
    SELECT count(DISTINCT recon.identity(checker)) FROM recon.break_approvals AS approval
    WHERE approval.break_id = event.break_id AND approval.proposal_no = event.proposal_no
        AND recon.identity(checker) <> recon.identity(maker)
)
