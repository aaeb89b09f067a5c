-- Codes that are not on ISO 4217's list of today.
WITH day AS (SELECT * FROM {batch} WHERE true)
SELECT 1 FROM day WHERE NOT EXISTS (
    SELECT FROM canonical.currencies AS active WHERE active.currency = day.{column}
) AND day.{column} IS NOT NULL
