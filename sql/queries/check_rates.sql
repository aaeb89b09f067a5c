-- Whether the exchange rates a day needs have come.

-- name: quoted_rates
-- What a feed quotes, day by day, from one day on.
SELECT rate_date, array_agg(to_currency::text ORDER BY to_currency) AS currencies
FROM seen.fx_rates
WHERE source = %(feed)s AND rate_date >= %(from_date)s
GROUP BY rate_date
ORDER BY rate_date;

-- name: feed_since
-- The first day of a feed; null when it is not read.
SELECT min(rate_date) AS since FROM seen.fx_rates WHERE source = %(feed)s;

-- name: currencies_in_use
-- In what anything is ordered, invoiced, paid, paid out or booked.
SELECT DISTINCT currency::text FROM (
    SELECT DISTINCT currency FROM seen.orders
    UNION ALL SELECT DISTINCT currency FROM seen.invoices
    UNION ALL SELECT DISTINCT currency FROM seen.payments
    UNION ALL SELECT DISTINCT currency FROM seen.payouts
    UNION ALL SELECT DISTINCT currency FROM seen.bank_lines
) AS used
ORDER BY currency;
