-- Where a row states all three.
WITH day AS (SELECT * FROM {batch} WHERE true)
SELECT day.native_id FROM day WHERE day.gross_minor <> day.net_minor + day.tax_minor
