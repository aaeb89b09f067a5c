-- Nobody is told that something is over which lasts or is not mended, nor that it is over before they were told that it
-- began; what was sent says something, and a fact has one alert at a time.
SELECT 'told over and lasts' AS what, alert_id::text AS which
FROM ops.tellings JOIN ops.bulletins USING (bulletin_id) JOIN ops.alerts USING (alert_id)
WHERE says IN ('over', 'unwatched') AND over_at IS NULL
UNION ALL
SELECT 'told over and not mended, or the other way round', alert_id::text
FROM ops.tellings JOIN ops.alerts USING (alert_id)
WHERE says = 'over' AND NOT mended OR says = 'unwatched' AND mended
UNION ALL
SELECT 'told over and never that it began', alert_id::text
FROM ops.tellings AS over_told JOIN ops.bulletins AS over_by USING (bulletin_id)
WHERE says IN ('over', 'unwatched') AND NOT EXISTS (
    SELECT FROM ops.tellings AS earlier JOIN ops.bulletins USING (bulletin_id)
    WHERE earlier.alert_id = over_told.alert_id AND earlier.says = 'raised' AND bulletins.channel = over_by.channel
        AND bulletins.state = 'sent' AND bulletins.bulletin_id < over_told.bulletin_id
)
UNION ALL
SELECT 'told twice that it began', alert_id || ' by ' || channel
FROM ops.tellings JOIN ops.bulletins USING (bulletin_id)
WHERE says IN ('raised', 'over', 'unwatched') AND state = 'sent' GROUP BY alert_id, channel, says HAVING count(*) > 1
UNION ALL
SELECT 'says nothing', bulletin_id::text FROM ops.bulletins
WHERE NOT EXISTS (SELECT FROM ops.tellings WHERE tellings.bulletin_id = bulletins.bulletin_id)
UNION ALL
SELECT 'overlap', earlier.alert_id::text
FROM ops.alerts AS earlier JOIN ops.alerts AS later USING (kind, about)
WHERE later.alert_id > earlier.alert_id AND (earlier.over_at IS NULL OR later.raised_at < earlier.over_at);
