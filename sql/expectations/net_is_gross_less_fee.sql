-- Where a row states all three.
WITH day AS (SELECT * FROM {batch} WHERE true)
SELECT day.native_id FROM day WHERE day.net_minor <> day.gross_minor - day.fee_minor
