-- Parity: the old path's answers beside ours, day by day; what differs and why; what of it was accepted; who signed.
--
-- A day is compared as often as anybody likes. The same answers give the same verdict, which is then kept once; other
-- answers give another edition of the day, and the earlier ones stay. Whether a day is green is never stored with it:
-- that follows from its differences, the limits and the register of what is accepted at that moment.

CREATE SCHEMA parity;

CREATE FUNCTION parity.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'parity.% is history: % is refused', tg_table_name, tg_op;
END $$;

-- Text as it is compared: compatible forms alike, no space too many, ASCII letters small. As the domain's `normalised`.
CREATE FUNCTION parity.normalised(given text) RETURNS text IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS $$
    SELECT lower(regexp_replace(btrim(normalize(given, NFKC)), '\s+', ' ', 'g') COLLATE "C")
$$;

-- One row a day and edition: what was compared, and the hash of all that came of it.
CREATE TABLE parity.days (
    day date NOT NULL,
    edition integer NOT NULL CHECK (edition > 0),
    run_id uuid NOT NULL REFERENCES recon.runs,  -- whose answers ours are
    source text NOT NULL,                        -- where theirs came from
    ours_count bigint NOT NULL,
    theirs_count bigint NOT NULL,
    quarantined_count bigint NOT NULL,           -- rows of theirs that could not be read
    read_count bigint NOT NULL,
    pairs_count bigint NOT NULL,                 -- keys that both have
    doubled_count bigint NOT NULL,               -- orders and invoices of ours beyond the first of their key
    differences_count bigint NOT NULL,
    ours_sha256 text NOT NULL,
    theirs_sha256 text NOT NULL,
    certificate_sha256 text NOT NULL,            -- of our run
    rules_sha256 text NOT NULL,
    verdict_sha256 text NOT NULL,                -- over all of it
    compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (day, edition),
    CONSTRAINT nothing_read_is_lost CHECK (read_count = theirs_count + quarantined_count),
    CONSTRAINT no_more_pairs_than_rows CHECK (pairs_count <= least(ours_count, theirs_count))
);

-- Every later comparison of the same answers by the same rules: whether it came to the same verdict.
CREATE TABLE parity.reruns (
    rerun_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    edition integer NOT NULL,
    same boolean NOT NULL,
    compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (day, edition) REFERENCES parity.days
);
CREATE INDEX ON parity.reruns (day);

-- What each path says. What is compared stands in typed columns: a kind uses those that it has.
CREATE TABLE parity.answers (
    path text COLLATE "C" NOT NULL CHECK (path IN ('ours', 'theirs')),
    day date NOT NULL,
    edition integer NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN (
        'orders',    -- key: the opportunity; text: the order's number
        'invoices',  -- key: the invoice's number; amount: gross
        'statuses',  -- key: the invoice's number; on_date: when it was paid last
        'arr',       -- key: the subscription
        'matches'    -- key: the payment; text: the numbers of its invoices; amount: what it settles of them
    )),
    key text COLLATE "C" NOT NULL CHECK (key <> ''),
    seq integer NOT NULL CHECK (seq > 0),  -- which of several with one key
    amount_minor bigint,
    tax_minor bigint,
    currency text COLLATE "C",
    on_date date,
    due_date date,
    status text COLLATE "C",  -- the canonical word; ?word where nobody said what a word means
    text text COLLATE "C",    -- normalised
    at timestamptz,           -- when it happened or was written down; not compared
    PRIMARY KEY (path, day, edition, kind, key, seq)
) PARTITION BY LIST (path);
CREATE TABLE parity.answers_ours PARTITION OF parity.answers FOR VALUES IN ('ours');
CREATE TABLE parity.answers_theirs PARTITION OF parity.answers FOR VALUES IN ('theirs');

-- What the amounts of each path add up to, read from its answers.
CREATE TABLE parity.totals (
    day date NOT NULL,
    edition integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    ours_count bigint NOT NULL,
    theirs_count bigint NOT NULL,
    ours_minor numeric(38, 0) NOT NULL,
    theirs_minor numeric(38, 0) NOT NULL,
    PRIMARY KEY (day, edition, kind, currency),
    FOREIGN KEY (day, edition) REFERENCES parity.days DEFERRABLE INITIALLY DEFERRED
);

-- Rows of theirs that could not be read: where, and why.
CREATE TABLE parity.quarantine (
    day date NOT NULL,
    edition integer NOT NULL,
    place text NOT NULL,        -- file and line
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C",       -- as far as it could be read
    column_name text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (day, edition, place),
    FOREIGN KEY (day, edition) REFERENCES parity.days DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE parity.differences (
    day date NOT NULL,
    edition integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    seq integer NOT NULL,
    field text COLLATE "C" NOT NULL CHECK (field IN (
        'key', 'amount', 'tax', 'currency', 'on_date', 'due_date', 'status', 'text'
    )),
    ours text,
    theirs text,
    currency text COLLATE "C",
    ours_minor bigint,          -- of the amounts, and of whole rows that only one has
    theirs_minor bigint,
    class text COLLATE "C" NOT NULL CHECK (class IN (
        'timing',        -- one path knows it already, the other will
        'rounding',      -- the same to within a minor unit a line
        'mapping',       -- a word or code that nobody translated
        'logic',         -- another rule; or, without evidence, unexplained
        'legacy_error'   -- the old path is wrong, and facts show it
    )),
    cause text COLLATE "C" NOT NULL,  -- what explains it; empty: nothing does
    evidence jsonb NOT NULL,
    PRIMARY KEY (day, edition, kind, key, seq, field),
    FOREIGN KEY (day, edition) REFERENCES parity.days DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT explained_by_evidence CHECK ((cause = '') = (evidence = '{}')),
    CONSTRAINT unexplained_is_logic CHECK (cause <> '' OR class = 'logic')
);

-- Differences that may stay: which, whose decision, why, and until when. Nobody approves their own.
CREATE TABLE parity.accepted_differences (
    accepted_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    field text COLLATE "C" NOT NULL,
    class text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    key text COLLATE "C",       -- of one item; NULL: of all
    owner text NOT NULL CHECK (btrim(owner) <> ''),
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    maker text NOT NULL,
    maker_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(maker)) STORED,
    made_on date NOT NULL,
    expires_on date NOT NULL,   -- the last day it holds for
    checker text,
    checker_id text COLLATE "C" GENERATED ALWAYS AS (recon.identity(checker)) STORED,
    approved_at timestamptz,
    ended_by text,
    ended_at timestamptz,
    CONSTRAINT maker_is_a_person CHECK (recon.is_person(maker_id)),
    CONSTRAINT checker_is_a_person CHECK (checker IS NULL OR recon.is_person(checker_id)),
    CONSTRAINT maker_is_not_checker CHECK (checker_id <> maker_id),
    CONSTRAINT approved_by_somebody CHECK ((checker IS NULL) = (approved_at IS NULL)),
    CONSTRAINT ended_by_somebody CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
    CONSTRAINT the_unexplained_is_accepted_one_by_one CHECK (cause <> '' OR key IS NOT NULL),
    CONSTRAINT it_ends CHECK (expires_on BETWEEN made_on AND made_on + 92)
);
CREATE UNIQUE INDEX a_difference_is_accepted_once_at_a_time ON parity.accepted_differences
(kind, field, class, cause, coalesce(key, '')) WHERE ended_at IS NULL;

-- Approved once, ended once; nothing else about an entry changes.
CREATE FUNCTION parity.refuse_other_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'UPDATE'
        AND (new.kind, new.field, new.class, new.cause, new.owner, new.reason, new.maker, new.made_on, new.expires_on)
            = (old.kind, old.field, old.class, old.cause, old.owner, old.reason, old.maker, old.made_on, old.expires_on)
        AND new.key IS NOT DISTINCT FROM old.key
        AND (old.checker IS NULL OR (new.checker, new.approved_at) = (old.checker, old.approved_at))
        AND old.ended_at IS NULL
    THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'parity.accepted_differences is history: % is refused', tg_op;
END $$;
CREATE TRIGGER accepted_differences_are_approved_and_end
BEFORE UPDATE OR DELETE ON parity.accepted_differences
FOR EACH ROW EXECUTE FUNCTION parity.refuse_other_change();

-- Which entry lets a difference stay, for those that one does.
CREATE VIEW parity.accepted AS
SELECT difference.day, difference.edition, difference.kind, difference.key, difference.seq, difference.field,
    min(entry.accepted_no) AS accepted_no
FROM parity.differences AS difference
JOIN parity.accepted_differences AS entry
    ON entry.kind = difference.kind AND entry.field = difference.field AND entry.class = difference.class
    AND entry.cause = difference.cause AND (entry.key IS NULL OR entry.key = difference.key)
WHERE entry.approved_at IS NOT NULL AND entry.ended_at IS NULL AND difference.day <= entry.expires_on
GROUP BY difference.day, difference.edition, difference.kind, difference.key, difference.seq, difference.field;

-- What was tried out on purpose while both paths ran.
CREATE TABLE parity.drills (
    drill_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    drill text NOT NULL CHECK (drill IN ('replay', 'payout_failure')),
    day date NOT NULL,
    person text NOT NULL,
    found text NOT NULL CHECK (btrim(found) <> ''),
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT noted_by_a_person CHECK (recon.is_person(recon.identity(person)))
);

-- What is signed: a row of days as they were judged, every figure with its limit; the database compares the two itself.
CREATE TABLE parity.windows (
    window_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_day date NOT NULL,
    last_day date NOT NULL,
    days_needed integer NOT NULL CHECK (days_needed >= 14),
    judged_needed integer NOT NULL CHECK (judged_needed >= 5),
    excused text[] NOT NULL CHECK (excused <@ '{timing,legacy_error}'),
    drills text[] NOT NULL,      -- asked for
    accepted bigint[] NOT NULL,  -- entries of the register that were in force
    rules_sha256 text NOT NULL,
    content_sha256 text NOT NULL UNIQUE,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT from_first_to_last CHECK (first_day <= last_day)
);

CREATE TABLE parity.window_days (
    window_no bigint NOT NULL REFERENCES parity.windows,
    day date NOT NULL,
    edition integer NOT NULL,
    judged boolean NOT NULL,     -- one of the last business days, which must be green
    PRIMARY KEY (window_no, day),
    FOREIGN KEY (day, edition) REFERENCES parity.days
);

CREATE TABLE parity.window_metrics (
    window_no bigint NOT NULL,
    day date NOT NULL,
    metric text NOT NULL,
    value numeric,               -- NULL: nothing was there to measure
    at_least numeric,
    at_most numeric,
    required boolean NOT NULL,
    passes boolean NOT NULL GENERATED ALWAYS AS (
        CASE WHEN value IS NULL THEN NOT required
            ELSE coalesce(value >= at_least, true) AND coalesce(value <= at_most, true) END
    ) STORED,
    PRIMARY KEY (window_no, day, metric),
    FOREIGN KEY (window_no, day) REFERENCES parity.window_days,
    CONSTRAINT has_a_limit CHECK (num_nonnulls(at_least, at_most) > 0)
);

CREATE TABLE parity.sign_offs (
    window_no bigint NOT NULL REFERENCES parity.windows,
    role text NOT NULL CHECK (role IN ('controller', 'revops', 'it')),
    person text NOT NULL,
    person_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(person)) STORED,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (window_no, role),
    CONSTRAINT three_distinct_people UNIQUE (window_no, person_id),
    CONSTRAINT signed_by_a_person CHECK (recon.is_person(person_id))
);

-- Why a window may not be signed; no row when it may.
CREATE FUNCTION parity.obstacles(asked bigint) RETURNS TABLE (obstacle text) STABLE LANGUAGE sql AS $$
    SELECT format('%s days were compared, and %s in a row are needed', count(days.day), win.days_needed)
    FROM parity.windows AS win LEFT JOIN parity.window_days AS days USING (window_no)
    WHERE window_no = asked GROUP BY win.window_no
    HAVING count(days.day) < win.days_needed OR count(days.day) <> win.last_day - win.first_day + 1
    UNION ALL
    SELECT format('%s of the last business days are judged, and %s are needed', count(*) FILTER (WHERE judged),
        judged_needed)
    FROM parity.windows JOIN parity.window_days USING (window_no) WHERE window_no = asked GROUP BY judged_needed
    HAVING count(*) FILTER (WHERE judged) < judged_needed
    UNION ALL
    SELECT 'no month ends in the last business days'
    WHERE NOT EXISTS (
        SELECT FROM parity.window_days WHERE window_no = asked
            AND day >= (SELECT min(day) FROM parity.window_days WHERE window_no = asked AND judged)
            AND date_trunc('month', day + 1) = day + 1
    )
    UNION ALL
    SELECT format('%s was compared again since, with another result', days.day)
    FROM parity.window_days AS days WHERE window_no = asked
        AND EXISTS (SELECT FROM parity.days AS newer WHERE newer.day = days.day AND newer.edition > days.edition)
    UNION ALL
    SELECT format('%s: %s is %s', day, metric, coalesce(value::text, 'not measured'))
    FROM parity.window_metrics JOIN parity.window_days USING (window_no, day)
    WHERE window_no = asked AND judged AND NOT passes
    UNION ALL
    SELECT format('%s has no figure for %s', day, metric)
    FROM parity.window_days CROSS JOIN unnest(ARRAY[
        'keys_in_ours', 'keys_in_theirs', 'money', 'status', 'text', 'totals', 'duplicates', 'unreadable',
        'unexplained', 'reruns'
    ]) AS asked_for (metric)
    WHERE window_no = asked AND judged AND NOT EXISTS (
        SELECT FROM parity.window_metrics AS figure
        WHERE figure.window_no = asked AND figure.day = window_days.day AND figure.metric = asked_for.metric
    )
    UNION ALL
    SELECT format('%s: %s differences of money, currency or date are neither explained nor accepted', day, count(*))
    FROM parity.windows JOIN parity.window_days USING (window_no)
    JOIN parity.differences AS difference USING (day, edition)
    LEFT JOIN parity.accepted USING (day, edition, kind, key, seq, field)
    WHERE window_no = asked AND judged AND field IN ('amount', 'tax', 'currency', 'on_date', 'due_date')
        AND accepted_no IS NULL AND NOT (cause <> '' AND difference.class = ANY (excused))
    GROUP BY day
    UNION ALL
    SELECT format('entry %s of the register has ended since', accepted_no)
    FROM parity.windows JOIN parity.accepted_differences ON accepted_no = ANY (accepted)
    WHERE window_no = asked AND ended_at IS NOT NULL
    UNION ALL
    SELECT format('no %s was tried out between %s and %s', wanted, first_day, last_day)
    FROM parity.windows CROSS JOIN unnest(drills) AS wanted
    WHERE window_no = asked AND NOT EXISTS (
        SELECT FROM parity.drills WHERE drill = wanted AND day BETWEEN first_day AND last_day
    )
    UNION ALL
    SELECT 'there is no such window' WHERE NOT EXISTS (SELECT FROM parity.windows WHERE window_no = asked)
$$;

CREATE FUNCTION parity.refuse_early_signature() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    obstacles text := (
        SELECT string_agg(told.obstacle, '; ')
        FROM (SELECT obstacle FROM parity.obstacles(new.window_no) LIMIT 5) AS told
    );
BEGIN
    IF obstacles IS NOT NULL THEN
        RAISE EXCEPTION 'it cannot be signed yet: %', obstacles USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER nobody_signs_early BEFORE INSERT ON parity.sign_offs
FOR EACH ROW EXECUTE FUNCTION parity.refuse_early_signature();

-- Signatures that are asked for in Airflow, one task a role.
CREATE TABLE parity.sign_asks (
    ask_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    window_no bigint NOT NULL REFERENCES parity.windows,
    role text NOT NULL,
    asked_in text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    looked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    outcome text CHECK (outcome IN ('signed', 'declined', 'refused', 'elsewhere', 'unanswered')),
    answered_by text,
    words text,
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX a_signature_is_asked_for_once_at_a_time ON parity.sign_asks (window_no, role)
WHERE closed_at IS NULL;

DO $$
DECLARE
    history text;
BEGIN
    FOREACH history IN ARRAY ARRAY[
        'days', 'reruns', 'answers', 'totals', 'quarantine', 'differences', 'drills', 'windows', 'window_days', 
        'window_metrics', 'sign_offs'
    ] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON parity.%I
            FOR EACH STATEMENT EXECUTE FUNCTION parity.refuse_change()', history || '_are_append_only', history);
    END LOOP;
    FOREACH history IN ARRAY ARRAY['answers_ours', 'answers_theirs'] LOOP  -- their parent's do not hold for them
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON parity.%I
            FOR EACH STATEMENT EXECUTE FUNCTION parity.refuse_change()', history || '_are_append_only', history);
    END LOOP;
END $$;
CREATE TRIGGER accepted_differences_are_not_emptied BEFORE TRUNCATE ON parity.accepted_differences
FOR EACH STATEMENT EXECUTE FUNCTION parity.refuse_change();
