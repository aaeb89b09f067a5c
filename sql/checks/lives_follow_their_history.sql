-- Rows: lives that are not what the last row of their history says.
SELECT life.break_id, life.version, life.state
FROM recon.break_lives AS life
LEFT JOIN (
    SELECT DISTINCT ON (break_id) * FROM recon.break_events ORDER BY break_id, version DESC
) AS event USING (break_id)
WHERE (life.version, life.state, life.facts, life.severity, life.proposal_no)
    IS DISTINCT FROM (event.version, event.to_state, event.facts, event.severity, event.proposal_after)
    OR life.assignee IS DISTINCT FROM event.assignee
