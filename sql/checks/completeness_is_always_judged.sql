-- Where nothing is proven, nothing is known to be complete: that is no want of history.
SELECT run_id, expectation FROM recon.quality_results WHERE verdict = 'unjudged' AND expectation LIKE '% is complete';
