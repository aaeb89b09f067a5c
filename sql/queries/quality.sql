-- What is expected of the data, measured and judged once a run.

-- name: quality_of_day
-- The verdicts on a run's data, worst first. No rows: the run was not checked.
SELECT suite, expectation, verdict, sentence, observed, owner
FROM recon.quality_results WHERE run_id = %(run_id)s
ORDER BY array_position(ARRAY['fail', 'warn', 'pass'], verdict), place;
