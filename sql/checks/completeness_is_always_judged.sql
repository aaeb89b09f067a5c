-- Rows: sources of which nobody said whether they are complete. Where nothing is proven, nothing is known to be.
SELECT run_id, expectation FROM recon.quality_results
WHERE verdict = 'unjudged' AND right(expectation, 12) = ' is complete'
