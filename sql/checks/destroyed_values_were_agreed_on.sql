-- Rows: sealed values without a key whose erasure nobody approved.
SELECT token, erasure_id
FROM vault.sealed JOIN vault.erasures ON erasure_id = destroyed_in
WHERE approved_by IS NULL
