-- Rows: breaks of the newest published run without a life. Runs published before lives were kept have none.
SELECT breaks.run_id, breaks.break_id
FROM recon.breaks
WHERE run_id = (
        SELECT run_id FROM recon.runs
        WHERE state = 'published' AND published_at >= (
            SELECT min(runs.published_at) FROM recon.life_updates JOIN recon.runs USING (run_id)
        )
        ORDER BY as_of DESC, computed_at DESC LIMIT 1
    )
    AND NOT EXISTS (SELECT FROM recon.break_lives WHERE break_lives.break_id = breaks.break_id)
