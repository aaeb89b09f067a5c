-- The day's report: what a published run says to finance, and whether it has said it.

-- name: report_run
-- A day reconciled anew has several published runs; the last one computed is what holds.
SELECT run_id, batch_through, rules_sha256, certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published'
ORDER BY computed_at DESC LIMIT 1;

-- name: report_applied
-- A payment may settle several invoices; it is counted once.
SELECT rule, currency, count(DISTINCT side_a_id) AS payments
FROM recon.matches WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted'
GROUP BY rule, currency ORDER BY rule, currency;

-- name: report_breaks_by_code
SELECT code, currency, count(*) AS breaks, sum(amount_minor)::bigint AS amount_minor
FROM recon.breaks WHERE run_id = %(run_id)s
GROUP BY code, currency ORDER BY code, currency NULLS LAST;

-- name: report_top_breaks
-- Worst first; amounts of several currencies are compared by their value in one, and as they are where no rate is
-- known. DQ01 has a section of its own.
SELECT code, key, currency, amount_minor, severity, age_days, owner, action, evidence
FROM recon.breaks
LEFT JOIN unnest(%(currencies)s::text[], %(worths)s::numeric[]) AS rate (currency, worth) USING (currency)
WHERE run_id = %(run_id)s AND code <> 'DQ01'
ORDER BY severity, abs(amount_minor) * worth DESC NULLS LAST, abs(amount_minor) DESC NULLS LAST, code, key, break_id
LIMIT %(limit)s;

-- name: report_ambiguous
-- How many invoices each payment held as ambiguous could be for; none when its candidates were settled by others.
SELECT least(candidates, 2) AS candidates, count(*) AS payments
FROM (
    SELECT breaks.key, count(matches.side_b_id) AS candidates
    FROM recon.breaks
    LEFT JOIN recon.matches
        ON matches.run_id = breaks.run_id AND matches.recon = 'R3' AND matches.state = 'suggested'
        AND matches.side_a_id = breaks.key
    WHERE breaks.run_id = %(run_id)s AND breaks.code = 'CA16'
    GROUP BY breaks.key
) AS held
GROUP BY 1 ORDER BY 1 DESC;

-- name: report_aging
SELECT currency, bucket, count(*) AS invoices, sum(open_minor)::bigint AS open_minor
FROM recon.open_invoices WHERE run_id = %(run_id)s
GROUP BY currency, bucket ORDER BY currency, bucket;

-- name: report_quarantined
-- Line 2 of a file stands before its line 10.
SELECT evidence FROM recon.breaks
WHERE run_id = %(run_id)s AND code = 'DQ01'
ORDER BY rtrim(key, '0123456789'), length(key), key, break_id LIMIT %(limit)s;

-- name: keep_report
-- A repeat changes nothing: what finance was told stays as it was told.
INSERT INTO recon.reports (run_id, as_of, subject, html, plain, recipients)
VALUES (%(run_id)s, %(as_of)s, %(subject)s, %(html)s, %(plain)s, %(recipients)s)
ON CONFLICT (run_id) DO NOTHING;

-- name: claim_report
-- Whoever else wants to send it waits here until we have, or until our connection ends.
SELECT subject, html, plain, recipients, sent_at FROM recon.reports WHERE run_id = %(run_id)s FOR UPDATE;

-- name: mark_report_sent
UPDATE recon.reports SET sent_at = clock_timestamp(), recipients = %(recipients)s
WHERE run_id = %(run_id)s AND sent_at IS NULL;

-- name: list_reports
-- One line a day: the report of the last run that was published for it.
SELECT DISTINCT ON (reports.as_of)
    reports.as_of, reports.run_id, subject, sent_at, runs.published_at,
    certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.reports
JOIN recon.runs USING (run_id)
WHERE state = 'published'
ORDER BY reports.as_of DESC, computed_at DESC
LIMIT %(limit)s;

-- name: report_of_day
SELECT reports.as_of, reports.run_id, subject, html, sent_at, certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.reports
JOIN recon.runs USING (run_id)
WHERE reports.as_of = %(as_of)s AND state = 'published'
ORDER BY computed_at DESC LIMIT 1;
