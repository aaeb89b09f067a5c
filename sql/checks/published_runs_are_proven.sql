-- Rows: published runs with a control total that does not tie, or a source not proven complete.
SELECT run_id, as_of
FROM recon.runs
WHERE state = 'published' AND (
    certificate IS NULL
    OR EXISTS (SELECT FROM recon.control_totals AS total WHERE total.run_id = runs.run_id AND NOT total.proven)
    OR EXISTS (SELECT FROM recon.breaks WHERE breaks.run_id = runs.run_id AND breaks.code IN ('DQ02', 'DQ06'))
)
