-- When subscriptions renew, as it was last worked out: a term renewed ends on a day that no row states.

CREATE TABLE delivery.renewal_dates (
    subscription_id text COLLATE "C" PRIMARY KEY,
    renews_on date  -- none: it does not end, or was cancelled
);
CREATE INDEX ON delivery.renewal_dates (renews_on);
CREATE INDEX ON canonical.opportunities (renewal_key) WHERE superseded_in IS NULL AND renewal_key IS NOT NULL;
