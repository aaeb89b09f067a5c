-- Who did what, when and why: one row for every effect, decision, approval, ruling, change of rules, promotion, switch,
-- replay, signature, mail and login, in the transaction of what it tells of.
--
-- Triggers on the tables that hold these facts write it, a statement at a time, whatever program writes there. Nobody
-- else can: no role may add rows here but the owner, as whom the triggers run. Committed rows are sealed every few
-- seconds by a chain of signed hashes (`audit.seals`).
--
-- What a run found by the thousand (matches, breaks) is told by one row a run and act, with the hash of what came out.

CREATE SCHEMA audit;

CREATE TABLE audit.events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- rows are sealed in the order (xid, id) once no older one can come
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    login text NOT NULL DEFAULT session_user,        -- who Postgres knows it was
    actor text NOT NULL CHECK (actor <> ''),         -- a person's identity; run, policy; or program:name
    act text NOT NULL CHECK (act <> ''),
    entity text NOT NULL,                            -- what it was done to: invoices/INV-1, breaks/<id>, runs/<id>
    why text NOT NULL,
    before_sha256 text NOT NULL DEFAULT '',
    after_sha256 text NOT NULL DEFAULT '',
    run_id text NOT NULL DEFAULT '',
    op_key text NOT NULL DEFAULT '',                 -- the effect's, or where the decision stands
    PRIMARY KEY (xid, id)
);
CREATE INDEX events_by_time ON audit.events USING brin (at);
CREATE INDEX events_of_people ON audit.events (xid, id) WHERE NOT starts_with(actor, 'program:');

-- Each seal covers the rows after the one before up to its own last row, and none other.
CREATE TABLE audit.seals (
    seal bigint PRIMARY KEY CHECK (seal > 0),
    after_xid xid8 NOT NULL,
    after_id bigint NOT NULL,
    through_xid xid8 NOT NULL,
    through_id bigint NOT NULL,
    rows integer NOT NULL CHECK (rows > 0),
    ids bigint[] NOT NULL,
    leaves bytea NOT NULL,           -- what each row hashes to, 32 bytes a row, in their order
    rows_sha256 text NOT NULL,       -- of all rows as lines, and of the leaves
    leaves_sha256 text NOT NULL,
    previous_sha256 text NOT NULL,   -- of the seal before; 64 zeros for the first
    sealed_at timestamptz NOT NULL,
    seal_sha256 text NOT NULL UNIQUE,
    public_key text NOT NULL,
    signature text NOT NULL,
    CHECK ((through_xid, through_id) > (after_xid, after_id)),
    CHECK (cardinality(ids) = rows AND octet_length(leaves) = 32 * rows)
);

CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit.% is history: % is refused', tg_table_name, tg_op;
END $$;
CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.events
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER seals_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.seals
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

-- Which program works here: what it called itself when it connected (tieout.actor), or its login.
CREATE FUNCTION audit.program() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT 'program:' || coalesce(nullif(current_setting('tieout.actor', true), ''), session_user)
$$;

-- Let a table be audited: for every statement that adds (or changes) rows, the rows of `told` are written. `told` reads
-- them as `added` (after) and `gone` (before), and gives actor, act, entity, why, before, after, run and key.
CREATE PROCEDURE audit.watch(watched regclass, happening text, told text) LANGUAGE plpgsql AS $$
DECLARE
    name text := replace(watched::text, '.', '_') || '_' || lower(happening);
BEGIN
    EXECUTE format(
        $function$CREATE FUNCTION audit.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
        #variable_conflict use_column
        BEGIN
            INSERT INTO audit.events (actor, act, entity, why, before_sha256, after_sha256, run_id, op_key) %s;
            RETURN NULL;
        END $body$ $function$, name, told
    );
    EXECUTE format(
        'CREATE TRIGGER is_audited_on_%s AFTER %s ON %s REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION audit.%I()',
        lower(happening), happening, watched,
        CASE happening WHEN 'INSERT' THEN 'NEW TABLE AS added' ELSE 'OLD TABLE AS gone NEW TABLE AS added' END, name
    );
END $$;

-- All that is audited. Calls of messages are not among it: they stand in delivery.attempts.

-- Effects on other systems: decided, and how they ended.
CALL audit.watch('delivery.outbox', 'INSERT', $told$
    SELECT audit.program(), 'message ' || CASE state WHEN 'queued' THEN 'decided' ELSE state END, subject,
        kind || ' to ' || target, '', body_sha256, '', key || '#' || revision
    FROM added ORDER BY message_id $told$);
CALL audit.watch('delivery.outbox', 'UPDATE', $told$
    SELECT audit.program(), 'message ' || added.state, added.subject,
        concat_ws(' ', added.kind, 'to', added.target, added.reason),
        ops.sha256_of(concat_ws('|', gone.state, gone.body_sha256, coalesce(gone.remote_id, ''), gone.reason)),
        ops.sha256_of(concat_ws('|', added.state, added.body_sha256, coalesce(added.remote_id, ''), added.reason)), '',
        added.key || '#' || added.revision
    FROM added JOIN gone USING (message_id)
    WHERE added.state <> gone.state AND added.state IN ('uncertain', 'confirmed', 'parked', 'superseded')
    ORDER BY message_id $told$);
CALL audit.watch('delivery.acts', 'INSERT', $told$
    SELECT actor_id, 'message ' || action, 'messages/' || message_id, reason, '', ops.sha256_of(to_jsonb(added)::text), '',
        'act ' || act_id
    FROM added ORDER BY act_id $told$);
CALL audit.watch('delivery.key_conflicts', 'INSERT', $told$
    SELECT audit.program(), 'key decided twice', 'keys/' || key, 'with something else to say; nothing was sent', '',
        body_sha256, '', key
    FROM added ORDER BY key, body_sha256 $told$);
CALL audit.watch('delivery.gate_checks', 'INSERT', $told$
    SELECT audit.program(), 'gate ' || CASE WHEN bool_or(verdict = 'failed') THEN 'held' ELSE 'passed' END,
        'opportunities/' || opportunity_id,
        coalesce(string_agg(name || ' ' || verdict, ', ' ORDER BY name) FILTER (WHERE verdict <> 'passed'), 'every check'),
        '', ops.sha256_of(jsonb_agg(to_jsonb(added) ORDER BY name)::text), '', 'win ' || win
    FROM added GROUP BY opportunity_id, win, based_on ORDER BY opportunity_id, win $told$);

-- Breaks: what people and policy decided one by one, what a run found together.
CALL audit.watch('recon.break_events', 'INSERT', $told$
    SELECT actor_id, 'break ' || replace(action, '_', ' ') || coalesce(': ' || replace(kind, '_', ' '), ''),
        'breaks/' || break_id, reason,
        ops.sha256_of(jsonb_build_array(break_id, version - 1, from_state, proposal_before)::text),
        ops.sha256_of((to_jsonb(added) - 'happened_at')::text), coalesce(run_id::text, ''), 'version ' || version
    FROM added WHERE actor_kind <> 'run'
    UNION ALL
    SELECT 'run', 'breaks ' || action, 'runs/' || run_id, count(*) || ' breaks', '',
        ops.sha256_of(string_agg(break_id || '.' || version, ' ' ORDER BY break_id, version)), run_id::text, ''
    FROM added WHERE actor_kind = 'run' GROUP BY run_id, action $told$);
CALL audit.watch('recon.pairings', 'INSERT', $told$
    SELECT audit.program(), 'pairing stated: ' || replace(kind, '_', ' '), 'breaks/' || break_id,
        item_type || ' ' || item_id || ' with ' || array_to_string(invoice_ids, ', '), '',
        ops.sha256_of(to_jsonb(added)::text), '', 'proposal ' || proposal_no
    FROM added $told$);
CALL audit.watch('recon.rulings', 'INSERT', $told$
    SELECT audit.program(), 'ruling granted: ' || replace(kind, '_', ' '), 'breaks/' || break_id,
        item_type || ' ' || item_id, '', ops.sha256_of(to_jsonb(added)::text), '', 'ruling ' || ruling_no
    FROM added ORDER BY ruling_no $told$);
CALL audit.watch('recon.rulings', 'UPDATE', $told$
    SELECT audit.program(), 'ruling ended', 'breaks/' || added.break_id, added.ended_why,
        ops.sha256_of(to_jsonb(gone)::text), ops.sha256_of(to_jsonb(added)::text), '', 'ruling ' || ruling_no
    FROM added JOIN gone USING (ruling_no) WHERE added.ended_no IS DISTINCT FROM gone.ended_no
    ORDER BY ruling_no $told$);

-- Rules: the first time a set of them, or of limits, is seen; and what other ones would change, as it was shown.
CALL audit.watch('recon.runs', 'INSERT', $told$
    SELECT audit.program(), 'run ' || state, 'runs/' || run_id, 'as of ' || as_of, '',
        coalesce(certificate ->> 'certificate_sha256', ''), run_id::text, ''
    FROM added
    UNION ALL
    SELECT audit.program(), 'rules changed', 'rules/' || rules_sha256, 'first seen by a run as of ' || as_of,
        coalesce((
            SELECT earlier.rules_sha256 FROM recon.runs AS earlier
            WHERE earlier.run_id <> added.run_id ORDER BY computed_at DESC LIMIT 1
        ), ''), rules_sha256, run_id::text, ''
    FROM added WHERE NOT EXISTS (
        SELECT FROM recon.runs AS known WHERE known.rules_sha256 = added.rules_sha256 AND known.run_id <> added.run_id
    ) $told$);
CALL audit.watch('recon.control_limits', 'INSERT', $told$
    SELECT audit.program(), 'limits set', 'rules/' || rules_sha256,
        'by hand up to ' || manual_match_sgd_minor || ', two checkers over ' || two_checkers_sgd_minor || ' (SGD, minor)',
        '', ops.sha256_of(to_jsonb(added)::text), '', ''
    FROM added $told$);
CALL audit.watch('ops.rule_sets', 'INSERT', $told$
    SELECT audit.program(), 'rules kept', 'rules/' || rules_sha256, 'files of a set of rules', '', rules_sha256, '', ''
    FROM added $told$);
CALL audit.watch('ops.radii', 'INSERT', $told$
    SELECT audit.program(), 'change of rules shown', 'rules/' || new_rules, 'what it would change', old_rules,
        result_sha256, '', 'radius ' || radius_id
    FROM added ORDER BY radius_id $told$);
CALL audit.watch('ops.promotions', 'INSERT', $told$
    SELECT approver_id, 'promoted', 'environments/' || environment, reason, '', release_sha256, '',
        'promotion ' || promotion_id
    FROM added ORDER BY promotion_id $told$);
CALL audit.watch('ops.switches', 'INSERT', $told$
    SELECT actor_id, 'writer ' || act || ': ' || writer, 'flows/' || flow,
        CASE WHEN emergency THEN 'emergency: ' ELSE '' END || reason, '', ops.sha256_of(to_jsonb(added)::text), '',
        'token ' || token
    FROM added ORDER BY switch_id $told$);

-- Runs and what was told of them. The certificate holds the hashes of all that came out.
CALL audit.watch('recon.runs', 'UPDATE', $told$
    SELECT audit.program(), 'run ' || CASE WHEN added.state <> gone.state THEN added.state ELSE 'certified' END,
        'runs/' || run_id, 'as of ' || added.as_of, coalesce(gone.certificate ->> 'certificate_sha256', ''),
        coalesce(added.certificate ->> 'certificate_sha256', ''), run_id::text, ''
    FROM added JOIN gone USING (run_id)
    WHERE added.state <> gone.state
        OR added.certificate ->> 'certificate_sha256' IS DISTINCT FROM gone.certificate ->> 'certificate_sha256' $told$);
CALL audit.watch('recon.editions', 'INSERT', $told$
    SELECT audit.program(), 'told anew: ' || edition, 'runs/' || run_id, 'as of ' || as_of, '',
        ops.sha256_of(html), run_id::text, edition
    FROM added $told$);
CALL audit.watch('recon.mailings', 'UPDATE', $told$
    SELECT audit.program(), 'mail ' || added.state, 'runs/' || run_id, edition || ' mail, whose reader is known by the key',
        ops.sha256_of(jsonb_build_array(gone.state, gone.attempts)::text),
        ops.sha256_of(jsonb_build_array(added.state, added.attempts, added.html)::text), run_id::text,
        edition || ' ' || left(ops.sha256_of(recipient), 16)
    FROM added JOIN gone USING (run_id, edition, recipient)
    WHERE added.state <> gone.state AND added.state IN ('sent', 'refused', 'uncertain') $told$);
CALL audit.watch('ops.bulletins', 'UPDATE', $told$
    SELECT audit.program(), 'alert ' || added.state, 'channels/' || added.channel, 'bulletin ' || bulletin_id,
        ops.sha256_of(jsonb_build_array(gone.state, gone.entries)::text),
        ops.sha256_of(jsonb_build_array(added.state, added.entries)::text), '', 'bulletin ' || bulletin_id
    FROM added JOIN gone USING (bulletin_id)
    WHERE added.state <> gone.state AND added.state IN ('sent', 'dropped', 'uncertain') $told$);

-- Parity: what was compared, what may differ, what was signed.
CALL audit.watch('parity.days', 'INSERT', $told$
    SELECT audit.program(), 'day compared', 'parity/' || day, differences_count || ' differences', '', verdict_sha256,
        run_id::text, 'edition ' || edition
    FROM added ORDER BY day, edition $told$);
CALL audit.watch('parity.accepted_differences', 'INSERT', $told$
    SELECT maker_id, 'difference proposed', 'parity/' || kind || '.' || field, reason, '',
        ops.sha256_of(to_jsonb(added)::text), '', 'entry ' || accepted_no
    FROM added ORDER BY accepted_no $told$);
CALL audit.watch('parity.accepted_differences', 'UPDATE', $told$
    SELECT CASE WHEN added.ended_at IS DISTINCT FROM gone.ended_at THEN recon.identity(added.ended_by)
            ELSE added.checker_id END,
        'difference ' || CASE WHEN added.ended_at IS DISTINCT FROM gone.ended_at THEN 'ended' ELSE 'approved' END,
        'parity/' || added.kind || '.' || added.field, added.reason, ops.sha256_of(to_jsonb(gone)::text),
        ops.sha256_of(to_jsonb(added)::text), '', 'entry ' || accepted_no
    FROM added JOIN gone USING (accepted_no)
    WHERE (added.ended_at, added.approved_at) IS DISTINCT FROM (gone.ended_at, gone.approved_at)
    ORDER BY accepted_no $told$);
CALL audit.watch('parity.drills', 'INSERT', $told$
    SELECT recon.identity(person), 'drill noted: ' || replace(drill, '_', ' '), 'parity/' || day, found, '',
        ops.sha256_of(to_jsonb(added)::text), '', 'drill ' || drill_no
    FROM added ORDER BY drill_no $told$);
CALL audit.watch('parity.windows', 'INSERT', $told$
    SELECT audit.program(), 'parity put up for signing', 'parity/' || first_day || '..' || last_day, 'as it was judged',
        '', content_sha256, '', 'window ' || window_no
    FROM added ORDER BY window_no $told$);
CALL audit.watch('parity.sign_offs', 'INSERT', $told$
    SELECT person_id, 'parity signed: ' || role, 'windows/' || window_no, reason, '',
        ops.sha256_of(to_jsonb(added)::text), '', 'window ' || window_no
    FROM added ORDER BY window_no, role $told$);

-- People: the first time a day that somebody comes to the console, and whenever they may do something else than before.
CALL audit.watch('ops.console_people', 'INSERT', $told$
    SELECT person, 'console entered', 'people/' || person, 'may ' || array_to_string(may, ', '), '',
        ops.sha256_of(array_to_string(may, ' ')), '', 'day ' || (seen_at AT TIME ZONE 'UTC')::date
    FROM added $told$);
CALL audit.watch('ops.console_people', 'UPDATE', $told$
    SELECT person, 'console entered', 'people/' || person, 'may ' || array_to_string(added.may, ', '),
        ops.sha256_of(array_to_string(gone.may, ' ')), ops.sha256_of(array_to_string(added.may, ' ')), '',
        'day ' || (added.seen_at AT TIME ZONE 'UTC')::date
    FROM added JOIN gone USING (person)
    WHERE added.may <> gone.may OR (added.seen_at AT TIME ZONE 'UTC')::date <> (gone.seen_at AT TIME ZONE 'UTC')::date
    $told$);

-- Settings of sources: the fields they show us.
CALL audit.watch('ops.shapes', 'INSERT', $told$
    SELECT audit.program(), 'shape seen', 'sources/' || system || '.' || entity,
        cardinality(vanished) || ' vanished, ' || cardinality(added.added) || ' added, ' || cardinality(retyped) || ' retyped',
        '', ops.sha256_of(fields::text), '', 'shape ' || shape_id
    FROM added ORDER BY shape_id $told$);

-- What was before is not in it, and where it stands is.
INSERT INTO audit.events (actor, act, entity, why, op_key)
SELECT 'program:migrate', 'audit began', 'outbox', 'messages up to this number were decided before',
    coalesce(max(message_id), 0)::text
FROM delivery.outbox;
