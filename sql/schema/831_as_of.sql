-- Of a look and a page the one that is as of later counts, whichever came first and whatever it says: also a value that went
-- back to what had landed before, and that a row is gone.

-- When the page was asked for that first stated a version. What goes back to an earlier value is a version of its own.
ALTER TABLE canonical.opportunities ADD COLUMN stated_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE canonical.deal_lines ADD COLUMN stated_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE canonical.payments ADD COLUMN stated_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE canonical.refunds ADD COLUMN stated_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE canonical.disputes ADD COLUMN stated_at timestamptz NOT NULL DEFAULT '-infinity';

-- How often a deal was won is counted by all its versions. Of the rest only what was looked at is ever held against a look
-- of before today.
UPDATE canonical.opportunities SET stated_at = delivery.stated_at(recorded_in, 'opportunities', native_id);
UPDATE canonical.deal_lines AS known SET stated_at = delivery.stated_at(recorded_in, 'deal_lines', known.native_id)
FROM delivery.looked_at AS seen
WHERE known.superseded_in IS NULL AND seen.entity = 'lines_of_deals' AND seen.native_id = known.opportunity_id;
UPDATE canonical.payments AS known SET stated_at = delivery.stated_at(recorded_in, 'payments', known.native_id)
FROM delivery.looked_at AS seen
WHERE known.superseded_in IS NULL AND seen.entity = 'payments' AND seen.native_id = known.native_id;
UPDATE canonical.refunds AS known SET stated_at = delivery.stated_at(recorded_in, 'refunds', known.native_id)
FROM delivery.looked_at AS seen
WHERE known.superseded_in IS NULL AND seen.entity = 'refunds' AND seen.native_id = known.native_id;
UPDATE canonical.disputes AS known SET stated_at = delivery.stated_at(recorded_in, 'disputes', known.native_id)
FROM delivery.looked_at AS seen
WHERE known.superseded_in IS NULL AND seen.entity = 'disputes' AND seen.native_id = known.native_id;

-- When a page was asked for that last stated a row to be gone.
CREATE TABLE canonical.gone (
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    stated_at timestamptz NOT NULL,
    PRIMARY KEY (entity, native_id)
);
INSERT INTO canonical.gone (entity, native_id, stated_at)
SELECT records.entity, records.native_id, max(pulls.pulled_at) FROM raw.records JOIN ops.pulls USING (pull_id)
WHERE records.gone AND pulls.landed_in IS NOT NULL
    AND records.entity IN ('opportunities', 'deal_lines', 'payments', 'refunds', 'disputes')
GROUP BY records.entity, records.native_id;

CREATE OR REPLACE FUNCTION delivery.deals(wanted text[]) RETURNS SETOF canonical.opportunities STABLE LANGUAGE sql AS $$
    SELECT landed.* FROM canonical.opportunities AS landed
    WHERE superseded_in IS NULL AND (wanted IS NULL OR landed.native_id = ANY (wanted)) AND NOT EXISTS (
        SELECT FROM delivery.looked_at AS seen
        WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND seen.native_id = landed.native_id
            AND seen.looked_at >= landed.stated_at
    )
    UNION ALL
    SELECT deal.* FROM delivery.looked_at AS seen, jsonb_populate_record(
        NULL::canonical.opportunities, seen.facts || jsonb_build_object('native_id', seen.native_id)
    ) AS deal
    WHERE seen.source = 'salesforce' AND seen.entity = 'opportunities' AND NOT seen.gone
        AND (wanted IS NULL OR seen.native_id = ANY (wanted))
        AND NOT EXISTS (
            SELECT FROM canonical.opportunities AS landed
            WHERE landed.native_id = seen.native_id AND landed.superseded_in IS NULL
                AND seen.looked_at < landed.stated_at
        )
        AND NOT EXISTS (
            SELECT FROM canonical.gone
            WHERE gone.entity = 'opportunities' AND gone.native_id = seen.native_id AND seen.looked_at < gone.stated_at
        )
        AND (deal.account_id IS NULL OR EXISTS (
            SELECT FROM canonical.accounts AS account
            WHERE account.native_id = deal.account_id AND account.superseded_in IS NULL
        ))
$$;

-- A deal's lines as they are. A look lists them whole, under the deal's id; what landed of a line since counts for that line.
-- (OFFSET 0: asked line by line; otherwise Postgres may gather all lines there are, for the few of a deal.)
CREATE OR REPLACE FUNCTION delivery.deal_lines(deal text) RETURNS SETOF canonical.deal_lines STABLE LANGUAGE sql AS $$
    SELECT landed.* FROM canonical.deal_lines AS landed
    WHERE opportunity_id = deal AND superseded_in IS NULL AND NOT EXISTS (
        SELECT FROM delivery.looked_at AS seen
        WHERE seen.source = 'salesforce' AND seen.entity = 'lines_of_deals' AND seen.native_id = deal
            AND seen.looked_at >= landed.stated_at
    )
    UNION ALL
    SELECT line.* FROM delivery.looked_at AS seen,
        jsonb_populate_recordset(NULL::canonical.deal_lines, seen.facts -> 'lines') AS line
    WHERE seen.source = 'salesforce' AND seen.entity = 'lines_of_deals' AND seen.native_id = deal
        AND NOT EXISTS (
            SELECT FROM canonical.deal_lines AS landed
            WHERE landed.native_id = line.native_id AND landed.superseded_in IS NULL AND seen.looked_at < landed.stated_at
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT FROM canonical.gone
            WHERE gone.entity = 'deal_lines' AND gone.native_id = line.native_id AND seen.looked_at < gone.stated_at
            OFFSET 0
        )
$$;

CREATE OR REPLACE VIEW delivery.payments AS
SELECT native_id, currency::text, amount_minor, status, invoice_id, customer_id FROM canonical.payments AS landed
WHERE superseded_in IS NULL AND NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = 'payments' AND seen.native_id = landed.native_id AND seen.looked_at >= landed.stated_at
)
UNION ALL
SELECT native_id, facts ->> 'currency', (facts ->> 'amount_minor')::bigint, facts ->> 'status', facts ->> 'invoice_id',
    facts ->> 'customer_id'
FROM delivery.looked_at AS seen
WHERE entity = 'payments' AND NOT gone AND NOT EXISTS (
    SELECT FROM canonical.payments AS landed
    WHERE landed.native_id = seen.native_id AND superseded_in IS NULL AND seen.looked_at < landed.stated_at
) AND NOT EXISTS (
    SELECT FROM canonical.gone
    WHERE gone.entity = 'payments' AND gone.native_id = seen.native_id AND seen.looked_at < gone.stated_at
);

CREATE OR REPLACE VIEW delivery.returns AS
WITH landed AS (
    SELECT 'refunds' AS entity, native_id, payment_id, currency::text, amount_minor, status, stated_at
    FROM canonical.refunds WHERE superseded_in IS NULL
    UNION ALL
    SELECT 'disputes', native_id, payment_id, currency::text, amount_minor, status, stated_at
    FROM canonical.disputes WHERE superseded_in IS NULL
)
SELECT entity, native_id, payment_id, currency, amount_minor, status FROM landed
WHERE NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = landed.entity AND seen.native_id = landed.native_id AND seen.looked_at >= landed.stated_at
)
UNION ALL
SELECT entity, native_id, facts ->> 'payment_id', facts ->> 'currency', (facts ->> 'amount_minor')::bigint, facts ->> 'status'
FROM delivery.looked_at AS seen
WHERE entity IN ('refunds', 'disputes') AND NOT gone AND NOT EXISTS (
    SELECT FROM landed
    WHERE landed.entity = seen.entity AND landed.native_id = seen.native_id AND seen.looked_at < landed.stated_at
) AND NOT EXISTS (
    SELECT FROM canonical.gone
    WHERE gone.entity = seen.entity AND gone.native_id = seen.native_id AND seen.looked_at < gone.stated_at
);

DROP FUNCTION delivery.stated_at(bigint, text, text);
DROP FUNCTION delivery.pulled_at(bigint, text);

-- Whether deals were won, look by look, as far as that changed: from the look before, or from what has landed since.
CREATE OR REPLACE FUNCTION delivery.keep_deal_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    won CONSTANT boolean := coalesce((new.facts ->> 'is_won')::boolean, false);
BEGIN
    IF tg_op = 'UPDATE' AND new.facts ->> 'is_won' IS NOT DISTINCT FROM old.facts ->> 'is_won' AND NOT EXISTS (
        SELECT FROM canonical.opportunities AS landed
        WHERE landed.native_id = new.native_id AND landed.superseded_in IS NULL AND landed.stated_at > old.looked_at
            AND coalesce(landed.is_won, false) <> won
    ) THEN
        RETURN NULL;
    END IF;
    INSERT INTO delivery.deal_states (opportunity_id, looked_at, is_won) VALUES (new.native_id, new.looked_at, won)
    ON CONFLICT (opportunity_id, looked_at) DO UPDATE SET is_won = excluded.is_won;
    RETURN NULL;
END
$$;
DROP TRIGGER keep_deal_state_later ON delivery.looked_at;
CREATE TRIGGER keep_deal_state_later AFTER UPDATE ON delivery.looked_at
FOR EACH ROW WHEN (new.source = 'salesforce' AND new.entity = 'opportunities')
EXECUTE FUNCTION delivery.keep_deal_state();
