-- What came in and what must go out: hints that something changed, and effects that must happen once.

CREATE SCHEMA delivery;

-- The database's clock is the only one that counts. A test may set it for its own session (`SET tieout.clock`).
CREATE FUNCTION ops.clock() RETURNS timestamptz VOLATILE LANGUAGE sql AS $$
    SELECT coalesce(nullif(current_setting('tieout.clock', true), '')::timestamptz, clock_timestamp())
$$;

-- A hint says where to look again, never what is there: what counts is what the source holds when it is looked at.
CREATE TABLE delivery.inbox (
    hint_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,                -- what the source calls what happened
    sequence text COLLATE "C" NOT NULL DEFAULT '',  -- with it, a second id for the same event is known as a repeat
    occurred_at timestamptz,
    received_at timestamptz NOT NULL DEFAULT ops.clock(),
    state text NOT NULL DEFAULT 'new' CHECK (state IN (
        'new',
        'taken',  -- somebody is looking; until next_at
        'done',
        'dead'    -- cannot be looked at; see reason
    )),
    fence bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT ops.clock(),
    finished_at timestamptz,
    reason text,
    UNIQUE (source, event_id),
    UNIQUE (source, entity, native_id, kind, sequence),
    CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'dead'))),
    CHECK ((reason IS NOT NULL) = (state = 'dead'))
);
CREATE INDEX ON delivery.inbox (next_at) WHERE state IN ('new', 'taken');
CREATE INDEX ON delivery.inbox (entity, native_id, hint_id) WHERE state IN ('new', 'taken');

-- Why a message may be parked. What to do about each is in policy/delivery.yaml.
CREATE TABLE delivery.park_reasons (reason text PRIMARY KEY);
INSERT INTO delivery.park_reasons VALUES
    ('SCHEMA_DRIFT'), ('VALIDATION_HARD'), ('VALIDATION_BUSINESS'), ('IDENTITY_AMBIGUOUS'), ('IDENTITY_UNMATCHED'),
    ('DUPLICATE_RULE'), ('KEY_PAYLOAD_MISMATCH'), ('TARGET_DELETED'), ('TARGET_REJECTED'), ('PERMISSION'),
    ('REF_MISSING'), ('MALFORMED_PAYLOAD'), ('OVERSIZE'), ('DECRYPT_FAILED'), ('CONFLICT_UNRESOLVED'), ('MAX_ATTEMPTS');

-- Effects, each decided once: its key comes from facts, so that deciding again finds it here.
CREATE TABLE delivery.outbox (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL,
    revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),  -- a decision that surely had no effect may be taken again
    kind text NOT NULL,
    target text NOT NULL,
    subject text COLLATE "C" NOT NULL,  -- what it is about, `invoices/INV-1`: messages about one subject keep their order
    body jsonb NOT NULL,
    body_sha256 text NOT NULL,
    based_on text,                      -- the target record's version the decision saw; written only while it stands
    newest_only boolean NOT NULL,       -- says how something is, not that something happens: a newer one replaces it
    state text NOT NULL DEFAULT 'queued' CHECK (state IN (
        'queued',
        'called',      -- on its way; whoever took it has until next_at
        'uncertain',   -- it may have happened: look at the target before sending again
        'confirmed',
        'parked',      -- refused for good; a person decides
        'superseded'   -- a newer one says it, or what it was based on moved
    )),
    fence bigint NOT NULL DEFAULT 0,    -- counts who took it: who finishes must be the last who did
    attempts integer NOT NULL DEFAULT 0,
    first_called_at timestamptz,
    next_at timestamptz NOT NULL DEFAULT ops.clock(),
    remote_id text,
    reason text REFERENCES delivery.park_reasons,
    detail text,
    decided_at timestamptz NOT NULL DEFAULT ops.clock(),
    finished_at timestamptz,
    UNIQUE (key, revision),
    CHECK ((finished_at IS NOT NULL) = (state IN ('confirmed', 'parked', 'superseded'))),
    CHECK ((reason IS NOT NULL) = (state = 'parked')),
    CHECK (state <> 'called' OR (fence > 0 AND first_called_at IS NOT NULL))
);
CREATE INDEX ON delivery.outbox (target, next_at, message_id) WHERE state IN ('queued', 'called', 'uncertain');
CREATE INDEX ON delivery.outbox (target, subject, message_id) WHERE state IN ('queued', 'called', 'uncertain');
CREATE INDEX ON delivery.outbox (subject, kind, message_id);
-- Of one key at most one message can still have an effect, or had it.
CREATE UNIQUE INDEX ON delivery.outbox (key) WHERE state IN ('queued', 'called', 'uncertain', 'confirmed');

-- Which state may follow which. Parked messages go on when a person replays them, and then the target is looked at first.
CREATE FUNCTION delivery.follow_the_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.state <> new.state AND (old.state, new.state) NOT IN (
        ('queued', 'called'), ('queued', 'superseded'), ('uncertain', 'called'),
        ('called', 'confirmed'), ('called', 'queued'), ('called', 'uncertain'), ('called', 'parked'),
        ('called', 'superseded'), ('parked', 'uncertain'), ('parked', 'superseded')
    ) THEN
        RAISE EXCEPTION 'a message that is % does not become %', old.state, new.state;
    END IF;
    IF (old.key, old.kind, old.target, old.subject, old.body_sha256)
        <> (new.key, new.kind, new.target, new.subject, new.body_sha256) OR new.fence < old.fence THEN
        RAISE EXCEPTION 'message % is decided: what it says does not change', old.message_id;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER messages_follow_the_steps BEFORE UPDATE ON delivery.outbox
FOR EACH ROW EXECUTE FUNCTION delivery.follow_the_steps();

-- Every call and what came of it, as it happened.
CREATE TABLE delivery.attempts (
    message_id bigint NOT NULL REFERENCES delivery.outbox,
    fence bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN (
        'confirmed',
        'found',       -- it had happened before; nothing was sent
        'rejected', 'retryable', 'uncertain', 'stale',
        'late'         -- whoever called was too late to say so: another had taken the message
    )),
    remote_id text,
    detail text,
    called_at timestamptz NOT NULL DEFAULT ops.clock()
);
CREATE INDEX ON delivery.attempts (message_id, fence);

-- The same key decided with another body: a fault in how keys are made (S1). Nothing is sent.
CREATE TABLE delivery.key_conflicts (
    key text COLLATE "C" NOT NULL,
    body jsonb NOT NULL,
    body_sha256 text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT ops.clock(),
    PRIMARY KEY (key, body_sha256)
);

CREATE FUNCTION delivery.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'delivery.% is history: % is refused', tg_table_name, tg_op;
END $$;
CREATE TRIGGER attempts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.attempts
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();
CREATE TRIGGER key_conflicts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.key_conflicts
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();
CREATE TRIGGER messages_stay BEFORE DELETE OR TRUNCATE ON delivery.outbox
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();

-- What an object was when we last looked, by our own count of looks: the last look wins, whatever its events said.
CREATE SEQUENCE delivery.looks;
CREATE TABLE delivery.looked_at (
    source text NOT NULL,
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    look bigint NOT NULL,
    looked_at timestamptz NOT NULL,
    gone boolean NOT NULL,       -- the source has it no more
    facts jsonb NOT NULL,        -- in our words, money in minor units; empty when gone
    facts_sha256 text NOT NULL,
    PRIMARY KEY (source, entity, native_id)
);
CREATE INDEX ON delivery.looked_at (entity, (facts ->> 'invoice_id'));

-- The newest that is known of each object: what was pulled and landed, or what was looked at since that was pulled.
CREATE FUNCTION delivery.pulled_at(batch bigint, entity_name text) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT min(pulled_at) FROM ops.pulls WHERE landed_in = batch AND entity = entity_name
$$;
CREATE INDEX ON ops.pulls (landed_in, entity);

CREATE VIEW delivery.payments AS
SELECT native_id, currency::text, amount_minor, status, invoice_id FROM canonical.payments AS landed
WHERE superseded_in IS NULL AND NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = 'payments' AND seen.native_id = landed.native_id
        AND seen.looked_at >= delivery.pulled_at(recorded_in, 'payments')
)
UNION ALL
SELECT native_id, facts ->> 'currency', (facts ->> 'amount_minor')::bigint, facts ->> 'status', facts ->> 'invoice_id'
FROM delivery.looked_at AS seen
WHERE entity = 'payments' AND NOT gone AND NOT EXISTS (
    SELECT FROM canonical.payments AS landed
    WHERE landed.native_id = seen.native_id AND superseded_in IS NULL
        AND seen.looked_at < delivery.pulled_at(recorded_in, 'payments')
);

CREATE VIEW delivery.returns AS
WITH landed AS (
    SELECT 'refunds' AS entity, native_id, payment_id, currency::text, amount_minor, status, recorded_in
    FROM canonical.refunds WHERE superseded_in IS NULL
    UNION ALL
    SELECT 'disputes', native_id, payment_id, currency::text, amount_minor, status, recorded_in
    FROM canonical.disputes WHERE superseded_in IS NULL
)
SELECT entity, native_id, payment_id, currency, amount_minor, status FROM landed
WHERE NOT EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = landed.entity AND seen.native_id = landed.native_id
        AND seen.looked_at >= delivery.pulled_at(recorded_in, landed.entity)
)
UNION ALL
SELECT entity, native_id, facts ->> 'payment_id', facts ->> 'currency', (facts ->> 'amount_minor')::bigint, facts ->> 'status'
FROM delivery.looked_at AS seen
WHERE entity IN ('refunds', 'disputes') AND NOT gone AND NOT EXISTS (
    SELECT FROM landed
    WHERE landed.entity = seen.entity AND landed.native_id = seen.native_id
        AND seen.looked_at < delivery.pulled_at(recorded_in, landed.entity)
);
CREATE INDEX ON delivery.looked_at (entity, (facts ->> 'payment_id'));

-- Invoices as they are, with whose they are in the CRM and which deal they are of.
CREATE VIEW delivery.invoices AS
SELECT invoice.native_id AS invoice_id, invoice.number, invoice.currency::text, invoice.gross_minor, invoice.status,
    invoice.customer_id, placed.opportunity_id, customer.crm_account_id,
    coalesce((
        SELECT sum(abs(note.gross_minor)) FROM canonical.credit_notes AS note
        WHERE note.invoice_id = invoice.native_id AND note.superseded_in IS NULL
    ), 0)::bigint AS credited_minor
FROM canonical.invoices AS invoice
LEFT JOIN canonical.orders AS placed ON placed.native_id = invoice.order_id AND placed.superseded_in IS NULL
LEFT JOIN canonical.customers AS customer
    ON customer.native_id = invoice.customer_id AND customer.superseded_in IS NULL
WHERE invoice.superseded_in IS NULL;
CREATE INDEX ON canonical.orders (opportunity_id) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.invoices (order_id) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.credit_notes (invoice_id) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.payments (invoice_id) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.refunds (payment_id) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.disputes (payment_id) WHERE superseded_in IS NULL;

-- What the gate said of a won deal, check by check, each time it looked at another state of it.
CREATE TABLE delivery.gate_checks (
    opportunity_id text COLLATE "C" NOT NULL,
    win integer NOT NULL,        -- the how-manieth time it was won
    based_on text NOT NULL,      -- the state of the deal that was looked at
    name text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('passed', 'failed', 'not_recorded')),
    evidence text NOT NULL,
    rules_sha256 text NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT ops.clock(),
    PRIMARY KEY (opportunity_id, win, based_on, rules_sha256, name)
);
CREATE TRIGGER gate_checks_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.gate_checks
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();

-- Up to which landed batch, which place in it and which day something was told.
CREATE TABLE delivery.told (
    name text PRIMARY KEY, batch bigint NOT NULL, day date, place text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX ON canonical.payments (recorded_in) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.refunds (recorded_in) WHERE superseded_in IS NULL;
CREATE INDEX ON canonical.disputes (recorded_in) WHERE superseded_in IS NULL;
