-- Whether deals were won, look by look as far as that changed: a deal that is reopened and won again between two reads was
-- won twice, though every read found it won.
CREATE TABLE delivery.deal_states (
    opportunity_id text COLLATE "C" NOT NULL,
    looked_at timestamptz NOT NULL,
    is_won boolean NOT NULL,
    PRIMARY KEY (opportunity_id, looked_at)
);

CREATE FUNCTION delivery.keep_deal_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery.deal_states (opportunity_id, looked_at, is_won)
    VALUES (new.native_id, new.looked_at, coalesce((new.facts ->> 'is_won')::boolean, false))
    ON CONFLICT (opportunity_id, looked_at) DO UPDATE SET is_won = excluded.is_won;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_deal_state_first AFTER INSERT ON delivery.looked_at
FOR EACH ROW WHEN (new.source = 'salesforce' AND new.entity = 'opportunities')
EXECUTE FUNCTION delivery.keep_deal_state();
CREATE TRIGGER keep_deal_state_later AFTER UPDATE ON delivery.looked_at
FOR EACH ROW WHEN (
    new.source = 'salesforce' AND new.entity = 'opportunities'
    AND new.facts ->> 'is_won' IS DISTINCT FROM old.facts ->> 'is_won'
)
EXECUTE FUNCTION delivery.keep_deal_state();

INSERT INTO delivery.deal_states (opportunity_id, looked_at, is_won)
SELECT native_id, looked_at, coalesce((facts ->> 'is_won')::boolean, false)
FROM delivery.looked_at WHERE source = 'salesforce' AND entity = 'opportunities';
