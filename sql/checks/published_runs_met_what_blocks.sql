-- Rows: published runs whose data broke what policy does not publish without.
SELECT DISTINCT run_id, expectation
FROM recon.quality_results
JOIN recon.runs USING (run_id)
WHERE state = 'published' AND verdict = 'fail'
