-- How long the rows of every table are kept, and why: stated here and nowhere else. What is past its time is removed every
-- night (the dag remove_old, sql/queries/remove_old.sql); sql/checks/retention_is_stated.sql finds a table nobody spoke for.

CREATE TABLE ops.retention (
    relation text PRIMARY KEY,
    why text NOT NULL CHECK (why IN (
        'list',      -- comes with the schema
        'state',     -- a row for each thing there is, written over
        'evidence',  -- what finance or an auditor may ask for
        'key',       -- refuses what comes twice
        'news'       -- of use while it is new
    )),
    kept interval CHECK (kept >= '30 days'),  -- NULL: for ever
    of_age text NOT NULL DEFAULT '',          -- by what a row's age is told
    says text NOT NULL CHECK (says <> ''),    -- what it holds, or which of its rows go
    CHECK ((kept IS NULL) = (of_age = '')),
    CHECK (kept IS NULL OR why NOT IN ('list', 'state'))
);

INSERT INTO ops.retention (relation, why, says) VALUES
    ('audit.events', 'evidence', 'who did what, when and why'),
    ('audit.seals', 'evidence', 'the chain of signatures over it'),
    ('canonical.currencies', 'list', 'the currencies there are'),
    ('canonical.gone', 'state', 'what its source no longer has'),
    ('canonical.quarantine', 'evidence', 'what could not be read, and until when'),
    ('delivery.acts', 'evidence', 'what people did about messages'),
    ('delivery.attempts', 'evidence', 'every call of another system, and its answer'),
    ('delivery.deal_states', 'evidence', 'when a deal was seen to be won, or no longer'),
    ('delivery.followed', 'state', 'until when orders were followed'),
    ('delivery.gate_checks', 'evidence', 'what the gate found of a deal'),
    ('delivery.key_conflicts', 'evidence', 'keys decided twice'),
    ('delivery.looked_at', 'state', 'objects as they were looked at last'),
    ('delivery.outbox', 'key', 'a key is decided once, however long ago'),
    ('delivery.park_reasons', 'list', 'why a message may be parked'),
    ('delivery.renewal_dates', 'state', 'when a subscription renews'),
    ('delivery.replay_approvals', 'evidence', 'who let messages be sent again'),
    ('delivery.replay_ends', 'evidence', 'who did not'),
    ('delivery.replays', 'evidence', 'who asked for messages to be sent again'),
    ('delivery.schedule_lines', 'key', 'a period is invoiced once'),
    ('delivery.told', 'state', 'up to where what landed is told'),
    ('ops.alert_channels', 'state', 'how channels of alerts fare'),
    ('ops.api_budgets', 'state', 'calls that systems let us make'),
    ('ops.batches', 'evidence', 'when rows became known; versions name them'),
    ('ops.beats', 'state', 'signs of life'),
    ('ops.breakers', 'state', 'systems that are left alone'),
    ('ops.console_people', 'state', 'who came to the console last'),
    ('ops.cursors', 'state', 'up to where sources are read'),
    ('ops.flow_kinds', 'list', 'which messages make up a flow'),
    ('ops.flows', 'list', 'flows of effects'),
    ('ops.hearing', 'state', 'how webhooks fare'),
    ('ops.histories', 'evidence', 'when the database went back in time'),
    ('ops.promotions', 'evidence', 'who let which release into which environment'),
    ('ops.pulls', 'evidence', 'pages as received; records name theirs'),
    ('ops.radii', 'evidence', 'what a change of rules would have changed'),
    ('ops.removals', 'evidence', 'how many rows were removed here, and when'),
    ('ops.retention', 'list', 'this'),
    ('ops.retried', 'state', 'with which code quarantined rows were read last'),
    ('ops.rule_sets', 'evidence', 'the rules runs went by'),
    ('ops.runs_as', 'state', 'of which environment this database is'),
    ('ops.shapes', 'evidence', 'fields that sources showed, at each change'),
    ('ops.switches', 'evidence', 'who wrote each flow when'),
    ('ops.task_ends', 'state', 'when each task ended well last'),
    ('ops.task_failures', 'state', 'what failed and has not succeeded since'),
    ('ops.writers', 'state', 'who writes each flow'),
    ('parity.accepted_differences', 'evidence', 'differences two people agreed on'),
    ('parity.answers', 'evidence', 'what each path answered'),
    ('parity.days', 'evidence', 'how both paths compared'),
    ('parity.differences', 'evidence', 'where they differed'),
    ('parity.drills', 'evidence', 'drills that were held'),
    ('parity.kinds', 'evidence', 'how many answers there were of each kind'),
    ('parity.quarantine', 'evidence', 'answers nobody could read'),
    ('parity.reruns', 'evidence', 'days compared once more'),
    ('parity.sign_asks', 'evidence', 'who was asked to sign'),
    ('parity.sign_offs', 'evidence', 'who signed'),
    ('parity.totals', 'evidence', 'what the answers came to'),
    ('parity.window_days', 'evidence', 'the days that were signed'),
    ('parity.window_metrics', 'evidence', 'what they were judged by'),
    ('parity.windows', 'evidence', 'what was put up for signing'),
    ('raw.records', 'evidence', 'payloads as received: what a day knew is read from every version of them'),
    ('recon.approval_asks', 'evidence', 'who was asked to approve'),
    ('recon.arr_reported', 'evidence', 'ARR as it was reported'),
    ('recon.break_approvals', 'evidence', 'who approved'),
    ('recon.break_events', 'evidence', 'the history of every break'),
    ('recon.break_lives', 'evidence', 'how each break stands or ended'),
    ('recon.break_proposals', 'evidence', 'what was proposed'),
    ('recon.break_steps', 'list', 'steps a break may take'),
    ('recon.control_limits', 'evidence', 'limits that proposals were judged by'),
    ('recon.control_totals', 'evidence', 'what each run loaded, matched and left open'),
    ('recon.editions', 'evidence', 'reports as they were told'),
    ('recon.life_updates', 'evidence', 'which run moved the breaks when'),
    ('recon.limits_named', 'evidence', 'which limits were in force when'),
    ('recon.mail_attempts', 'evidence', 'calls of the mail server'),
    ('recon.mailings', 'evidence', 'who was mailed what, word for word'),
    ('recon.pairings', 'evidence', 'what people matched by hand'),
    ('recon.proofs', 'evidence', 'the proofs of every run'),
    ('recon.quality_checks', 'evidence', 'when a run was judged'),
    ('recon.quality_measures', 'evidence', 'what was measured of it; later days are held against it'),
    ('recon.quality_pages', 'state', 'pages of the newest days; older ones go as new ones come'),
    ('recon.quality_results', 'evidence', 'the verdicts'),
    ('recon.reports', 'evidence', 'reports of the first releases'),
    ('recon.restatements', 'evidence', 'what was told of earlier days, and is otherwise'),
    ('recon.rulings', 'evidence', 'what people ruled'),
    ('recon.runs', 'evidence', 'every run and its certificate'),
    ('recon.status_words', 'evidence', 'how runs read the words of sources'),
    ('recon.write_offs', 'evidence', 'what was written off, and against which cap'),
    ('vault.erasure_records', 'evidence', 'what was destroyed of somebody'),
    ('vault.erasures', 'evidence', 'who asked for it, and who approved'),
    ('vault.openings', 'evidence', 'who looked at personal data'),
    ('vault.sealed', 'state', 'sealed values, until somebody''s are destroyed'),
    ('vault.tokens', 'state', 'tokens of other systems');

INSERT INTO ops.retention (relation, why, says)
SELECT 'canonical.' || entity, 'evidence', 'every version: a run is computed again, and a day told, as it was known'
FROM unnest('{
    accounts, amendments, attempts, bank_lines, contacts, credit_notes, customers, deal_lines, disputes, fx_rates, invoices,
    opportunities, orders, payments, payout_items, payouts, price_books, refunds, subscriptions
}'::text[]) AS entity;

-- Stripe lists events for 30 days; whoever tells of one again within three times as long is still known to repeat himself, and
-- after that a look at the object finds nothing new.
INSERT INTO ops.retention (relation, why, kept, of_age, says) VALUES
    ('delivery.inbox', 'key', '90 days', 'finished_at', 'hints that were answered'),
    ('delivery.lanes', 'news', '30 days', 'began_at', 'runs of the fast lane before the newest'),
    ('ops.alerts', 'news', '400 days', 'over_at', 'alerts that are over'),
    ('ops.bulletins', 'news', '400 days', 'over_at of its alerts', 'what was told of alerts that are gone'),
    ('ops.tellings', 'news', '400 days', 'over_at of its alert', 'what was told of alerts that are gone'),
    ('ops.day_runs', 'news', '400 days', 'began_at', 'which of Airflow''s runs began with a day'),
    ('ops.proofs', 'evidence', '90 days', 'checked_at',
        'proofs of windows with nothing in them, but the first to reach a day and those a run rests on'),
    ('ops.sweeps', 'news', '90 days', 'swept_at', 'sweeps that found nothing, before the newest of their kind');

INSERT INTO ops.retention (relation, why, kept, of_age, says)
SELECT 'recon.' || results, 'evidence', '90 days', 'computed_at of its run',
    'of runs never published whose day a later run was; the run, its certificate, totals, proofs and verdicts stay'
FROM unnest('{arr_bridge, breaks, customer_balances, matches, open_invoices, unapplied_payments}'::text[]) AS results;

CREATE TRIGGER times_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.retention
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();

-- What is older than this is past its time, and has been for `grace`. NULL: nothing ever is.
CREATE FUNCTION ops.kept_since(relation text, grace interval) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT ops.clock() - retention.kept - grace FROM ops.retention WHERE retention.relation = $1
$$;

-- What was removed, in the transaction that removed it.
CREATE TABLE ops.removals (
    removal_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL REFERENCES ops.retention,
    rows bigint NOT NULL CHECK (rows > 0),
    older_than timestamptz NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT ops.clock()
);
CREATE TRIGGER removals_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.removals
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
CALL audit.watch('ops.removals', 'INSERT', $told$
    SELECT audit.program(), 'rows removed', 'tables/' || relation,
        rows || ' rows older than ' || to_char(older_than AT TIME ZONE 'UTC', 'YYYY-MM-DD'), '',
        ops.sha256_of(to_jsonb(added)::text), '', 'removal ' || removal_no
    FROM added ORDER BY removal_no $told$);

-- tieout_remover: who removes what is past its time, and does nothing else. Nobody else may.
ALTER FUNCTION ops.privileges(text, name, name, boolean, boolean) RENAME TO privileges_beside_removals;
CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
STABLE LANGUAGE sql AS $$
    SELECT CASE
        WHEN tab = 'retention' AND held = 'ops' THEN 'SELECT'
        WHEN tab = 'removals' AND held = 'ops' THEN CASE role WHEN 'tieout_remover' THEN 'SELECT, INSERT' ELSE 'SELECT' END
        WHEN role = 'tieout_remover' THEN CASE
            WHEN held NOT IN ('ops', 'delivery', 'recon') THEN ''
            WHEN EXISTS (SELECT FROM ops.retention WHERE relation = held || '.' || tab AND kept IS NOT NULL)
                THEN 'SELECT, DELETE'
            ELSE 'SELECT' END
        ELSE ops.privileges_beside_removals(role, held, tab, changes => changes, removals => removals) END
$$;

ALTER FUNCTION ops.grant_roles() RENAME TO grant_and_forget;
CREATE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
    one record;
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tieout_remover') THEN
            CREATE ROLE tieout_remover NOLOGIN;
        END IF;
        IF NOT pg_has_role(session_user, 'tieout_remover', 'SET') THEN
            EXECUTE format('GRANT tieout_remover TO %I WITH SET TRUE, INHERIT FALSE', session_user);
        END IF;
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;  -- another database was migrated at this moment
        WHEN insufficient_privilege THEN
            RETURN coalesce(nullif(ops.grant_and_forget(), ''), format('%s may not make the role tieout_remover: let who may run '
                'sql/schema/996_retention.sql''s ops.grant_roles() once; until then who removes works as %s',
                session_user, session_user));
    END;
    said := ops.grant_and_forget();
    IF said = '' THEN
        FOR one IN
            SELECT pg_class.oid::regclass AS tab, relnamespace::regnamespace AS held, words
            FROM pg_class, ops.privileges('tieout_remover', relnamespace::regnamespace::name, relname, false, false) AS words
            WHERE relnamespace::regnamespace::name IN (SELECT ops.our_schemas()) AND relkind IN ('r', 'p', 'v') AND words <> ''
                AND NOT has_table_privilege('tieout_remover', pg_class.oid, split_part(words, ', ', -1))
        LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %s TO tieout_remover', one.held);
            EXECUTE format('GRANT %s ON %s TO tieout_remover', one.words, one.tab);
        END LOOP;
    END IF;
    RETURN said;
END $$;
