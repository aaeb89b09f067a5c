-- Who writes: for each flow of effects one of the two paths, or nobody while it changes. Whoever writes holds the flow's token,
-- which only grows; what was taken under an older one is not sent.

CREATE TABLE ops.flows (
    flow text PRIMARY KEY,
    says text NOT NULL
);
INSERT INTO ops.flows VALUES
    ('orders', 'orders in the ERP, their reference and flags on the deal'),
    ('invoices', 'invoices in the ERP'),
    ('statuses', 'how invoices and deals are paid, shown in the CRM'),
    ('collections', 'retries of declined payments and dunning tasks'),
    ('tasks', 'tasks for owners: deals the gate holds, payments that keep failing, steps of a renewal'),
    ('subscriptions', 'recurring revenue, renewal dates and renewal deals in the CRM');

-- A kind of message belongs to one flow. A kind that is not named here is none that anything is sent of.
CREATE TABLE ops.flow_kinds (
    kind text PRIMARY KEY,
    flow text NOT NULL REFERENCES ops.flows
);
INSERT INTO ops.flow_kinds VALUES
    ('order', 'orders'), ('order_reference', 'orders'), ('revenue_flags', 'orders'),
    ('invoice', 'invoices'),
    ('invoice_status', 'statuses'), ('deal_status', 'statuses'), ('payment_activity', 'statuses'),
    ('retry_payment', 'collections'), ('dunning', 'collections'),
    ('task', 'tasks'),
    ('subscription_status', 'subscriptions'), ('renewal_deal', 'subscriptions'), ('deal_renewed', 'subscriptions');

-- Every change of who writes, who asked for it and why.
CREATE TABLE ops.switches (
    switch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow text NOT NULL REFERENCES ops.flows,
    token bigint NOT NULL CHECK (token > 0),
    writer text NOT NULL CHECK (writer IN (
        'ours',
        'theirs',  -- the path there was before; ours decides and sends nothing
        'nobody'   -- between the two: calls under way come to their end
    )),
    act text NOT NULL CHECK (act IN (
        'began',   -- before there was a switch
        'policy',  -- the environment's, before any person switched
        'go', 'back'
    )),
    actor text NOT NULL,
    actor_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(actor)) STORED,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    emergency boolean NOT NULL DEFAULT false,
    evidence jsonb NOT NULL DEFAULT '{}',  -- of going: which sign-off; of going back: what triggered it; how long it took
    waiting bigint NOT NULL DEFAULT 0,     -- messages of the flow that waited
    uncertain bigint NOT NULL DEFAULT 0,   -- and those of which nobody knew whether they happened
    switched_at timestamptz NOT NULL DEFAULT ops.clock(),
    UNIQUE (flow, token),
    UNIQUE (flow, token, writer),
    CONSTRAINT people_go_and_go_back CHECK ((act IN ('go', 'back')) = recon.is_person(recon.identity(actor))),
    CONSTRAINT each_act_has_its_writer CHECK (
        CASE act WHEN 'go' THEN writer IN ('nobody', 'ours') WHEN 'back' THEN writer IN ('nobody', 'theirs') ELSE true END
    ),
    CONSTRAINT going_is_signed_or_an_emergency CHECK (act <> 'go' OR emergency OR evidence ? 'signed'),
    CONSTRAINT only_going_is_an_emergency CHECK (NOT emergency OR act = 'go')
);

CREATE FUNCTION ops.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is history: % is refused', tg_table_schema, tg_table_name, tg_op;
END $$;
CREATE TRIGGER switches_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.switches
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();

-- Who writes now: the newest switch of each flow.
CREATE TABLE ops.writers (
    flow text PRIMARY KEY REFERENCES ops.flows,
    writer text NOT NULL,
    token bigint NOT NULL,
    since timestamptz NOT NULL,
    FOREIGN KEY (flow, token, writer) REFERENCES ops.switches (flow, token, writer)
);

CREATE FUNCTION ops.refuse_old_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'flow % has token %: its next one is %, not %', old.flow, old.token, old.token + 1, new.token;
END $$;
CREATE TRIGGER tokens_only_grow BEFORE UPDATE ON ops.writers
FOR EACH ROW WHEN (new.flow <> old.flow OR new.token <> old.token + 1) EXECUTE FUNCTION ops.refuse_old_token();
CREATE TRIGGER writers_stay BEFORE DELETE OR TRUNCATE ON ops.writers
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();

-- Until now whoever delivered wrote.
INSERT INTO ops.switches (flow, token, writer, act, actor, reason)
SELECT flow, 1, 'ours', 'began', 'policy', 'as it was before there was a switch' FROM ops.flows;
INSERT INTO ops.writers (flow, writer, token, since) SELECT flow, 'ours', 1, '-infinity' FROM ops.flows;

-- Under which token a message was last taken, and each call was made.
ALTER TABLE delivery.outbox ADD COLUMN token bigint;
ALTER TABLE delivery.attempts ADD COLUMN token bigint;

-- What cutover asks of parity, in one place. Where no parity is kept nothing is signed and nothing speaks against going on.

-- The sign-off that stands: the newest days that all three signed, with nothing in the way of signing them today, and signed
-- since anybody had to go back.
CREATE FUNCTION ops.parity_signed() RETURNS TABLE (signed_at timestamptz, signers text[], pack_sha256 text)
STABLE LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('parity.sign_offs') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT max(sign.signed_at), array_agg(sign.person_id::text ORDER BY sign.person_id), days.content_sha256
    FROM parity.sign_offs AS sign JOIN parity.windows AS days USING (window_no)
    GROUP BY days.window_no
    HAVING count(DISTINCT sign.role) = 3 AND NOT EXISTS (SELECT FROM parity.obstacles(days.window_no))
        AND max(sign.signed_at) > (
            SELECT coalesce(max(switched_at), '-infinity') FROM ops.switches
            WHERE act = 'back' AND evidence ->> 'trigger' IS DISTINCT FROM 'drill'
        )
    ORDER BY days.last_day DESC, days.window_no DESC LIMIT 1;
END $$;

-- What the newest day that was compared since cutover says against going on.
CREATE FUNCTION ops.parity_triggers(
    cut_over_at timestamptz, at timestamptz, coverage_percent numeric, money_minutes integer
) RETURNS TABLE (about text, since timestamptz, count bigint, what text) STABLE LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('parity.days') IS NULL OR to_regclass('parity.accepted') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH newest AS (
        SELECT day, edition, compared_at, pairs_count, doubled_count FROM parity.days
        WHERE compared_at >= cut_over_at AND day >= cut_over_at::date ORDER BY day DESC, edition DESC LIMIT 1
    ),
    lacking AS (
        SELECT newest.compared_at, newest.pairs_count, count(difference.key) AS keys
        FROM newest LEFT JOIN parity.differences AS difference
            ON difference.day = newest.day AND difference.edition = newest.edition AND field = 'key' AND seq = 1
        GROUP BY newest.compared_at, newest.pairs_count
    ),
    unexplained AS (
        SELECT newest.compared_at, count(*) AS fields
        FROM newest JOIN parity.differences AS difference USING (day, edition)
        LEFT JOIN parity.accepted USING (day, edition, kind, key, seq, field)
        WHERE field IN ('amount', 'tax', 'currency') AND cause = '' AND accepted_no IS NULL
            AND newest.compared_at <= at - make_interval(mins => money_minutes)
        GROUP BY newest.compared_at
    )
    SELECT 'coverage', compared_at, keys, 'keys that only one path has, too many for ' || coverage_percent || ' %'
    FROM lacking WHERE pairs_count * 100 < coverage_percent * (pairs_count + keys)
    UNION ALL
    SELECT 'parity_money', compared_at, fields, 'amounts that differ between the paths, and nobody knows why' FROM unexplained
    UNION ALL
    SELECT 'parity_duplicates', compared_at, doubled_count, 'orders or invoices of ours that are there twice'
    FROM newest WHERE doubled_count > 0;
END $$;

-- Whoever goes without a sign-off that stands says that it is an emergency, whatever program asks.
CREATE FUNCTION ops.refuse_unsigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ops.parity_signed()) THEN
        RAISE EXCEPTION 'flow % does not go: parity is not signed off', new.flow;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER going_is_signed BEFORE INSERT ON ops.switches
FOR EACH ROW WHEN (new.act = 'go' AND NOT new.emergency) EXECUTE FUNCTION ops.refuse_unsigned();
