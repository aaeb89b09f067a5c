-- Rows: published runs of which a proof does not hold.
SELECT DISTINCT run_id, proof, side, currency
FROM recon.proofs
JOIN recon.runs USING (run_id)
WHERE state = 'published' AND NOT holds
