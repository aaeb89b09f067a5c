-- What a run sees: of every entity the versions known at its snapshot, dated up to its day, status words read.
--
-- The run says once what it sees, by `see_snapshot` of sql/queries/reconcile.sql: tieout.batch (landing batches up to
-- this one), tieout.as_of (facts dated up to this day) and tieout.rules (the rules' hash). The sub-selects are evaluated
-- once a query, not once a row. `state` is the canonical status: UNKNOWN where no rule maps the word, NULL where the
-- source says nothing.

CREATE TABLE recon.status_words (
    rules_sha256 text NOT NULL,
    entity text NOT NULL,
    word text NOT NULL,
    status text NOT NULL,
    PRIMARY KEY (rules_sha256, entity, word)
);

CREATE SCHEMA seen;

CREATE VIEW seen.accounts AS
SELECT known.* FROM canonical.accounts AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.contacts AS
SELECT known.* FROM canonical.contacts AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.opportunities AS
SELECT known.* FROM canonical.opportunities AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.customers AS
SELECT known.* FROM canonical.customers AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.orders AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.orders AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'orders' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.order_date <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.invoices AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.invoices AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'invoices' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.issue_date <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.credit_notes AS
SELECT known.* FROM canonical.credit_notes AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.issue_date <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.subscriptions AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.subscriptions AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'subscriptions' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.amendments AS
SELECT known.* FROM canonical.amendments AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.payments AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.payments AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'payments' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.paid_on <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.attempts AS
SELECT known.* FROM canonical.attempts AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.refunds AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.refunds AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'refunds' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.created_on <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.disputes AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.disputes AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'disputes' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.opened_on <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.payouts AS
SELECT known.*, CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.payouts AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'payouts' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.arrival_date <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.payout_items AS
SELECT known.* FROM canonical.payout_items AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE VIEW seen.bank_lines AS
SELECT known.* FROM canonical.bank_lines AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.value_date <= (SELECT current_setting('tieout.as_of')::date);

CREATE VIEW seen.fx_rates AS
SELECT known.* FROM canonical.fx_rates AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.rate_date <= (SELECT current_setting('tieout.as_of')::date);

-- Rows that could not be read, as far as the snapshot knows.
CREATE VIEW seen.quarantine AS
SELECT * FROM canonical.quarantine AS known
WHERE known.quarantined_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.released_in IS NULL OR known.released_in > (SELECT current_setting('tieout.batch')::bigint));
