-- Rows that share these values with another, each counted; a row that lacks one of them shares nothing. Grouped, which hashes:
-- a window over the whole table would sort it.
SELECT FROM (
    SELECT count(*) AS rows FROM {batch} WHERE ROW({columns}) IS NOT NULL GROUP BY {columns} HAVING count(*) > 1
) AS shared, generate_series(1, shared.rows)
