-- The life of a break: who has it, what was proposed and approved, and how it ended; across runs, by its stable id.
--
-- What policy says about four eyes is kept by constraints, not by the program. A life points at the history row that
-- led to its state; every history row points at the one before it and at an allowed step; a proposal points at the
-- history row whose amounts it is about, and at the limits it was judged by; an approval carries its proposal's maker.
-- Foreign keys hold these copies true, so that checks on a single row are enough.

-- Who somebody is: `Alice` and `alice ` are one person. Names are logins or mail addresses in ASCII, so that no two
-- look alike; `run` and `policy` are the program's own, and never a person's.
CREATE FUNCTION recon.identity(name text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT lower(btrim(name, E' \t\r\n') COLLATE "C")
$$;

CREATE FUNCTION recon.is_person(identity text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
    SELECT identity COLLATE "C" ~ '^[a-z0-9]([a-z0-9._@+-]*[a-z0-9])?$' AND identity NOT IN ('run', 'policy')
$$;

-- What may happen to a break. The same table as include/domain/break_life.py, which a test holds it to.
CREATE TABLE recon.break_steps (
    action text NOT NULL,
    actor_kind text NOT NULL CHECK (actor_kind IN (
        'run',     -- a run that was published
        'policy',  -- a write-off within caps
        'person'
    )),
    from_state text NOT NULL,
    to_state text NOT NULL CHECK (to_state IN (
        'OPEN',      -- nobody has it
        'ASSIGNED',  -- somebody has it
        'PROPOSED',  -- a maker proposed what to do; a checker must look
        'APPROVED',  -- may be done
        'RESOLVED',  -- done, or no longer found
        'ACCEPTED'   -- stands as it is, written off or explained
    )),
    PRIMARY KEY (action, actor_kind, from_state, to_state)
);

INSERT INTO recon.break_steps (action, actor_kind, from_state, to_state) VALUES
    ('opened', 'run', 'NEW', 'OPEN'),
    ('reopened', 'run', 'RESOLVED', 'OPEN'), ('reopened', 'run', 'ACCEPTED', 'OPEN'),
    ('changed', 'run', 'OPEN', 'OPEN'), ('changed', 'run', 'ASSIGNED', 'ASSIGNED'),
    ('changed', 'run', 'PROPOSED', 'PROPOSED'), ('changed', 'run', 'APPROVED', 'APPROVED'),
    ('lapsed', 'run', 'PROPOSED', 'ASSIGNED'), ('lapsed', 'run', 'APPROVED', 'ASSIGNED'),
    ('vanished', 'run', 'OPEN', 'RESOLVED'), ('vanished', 'run', 'ASSIGNED', 'RESOLVED'),
    ('vanished', 'run', 'PROPOSED', 'RESOLVED'), ('vanished', 'run', 'APPROVED', 'RESOLVED'),
    ('vanished', 'run', 'ACCEPTED', 'RESOLVED'),
    ('written_off', 'policy', 'OPEN', 'ACCEPTED'),
    ('assigned', 'person', 'OPEN', 'ASSIGNED'), ('assigned', 'person', 'ASSIGNED', 'ASSIGNED'),
    ('commented', 'person', 'OPEN', 'OPEN'), ('commented', 'person', 'ASSIGNED', 'ASSIGNED'),
    ('commented', 'person', 'PROPOSED', 'PROPOSED'), ('commented', 'person', 'APPROVED', 'APPROVED'),
    ('commented', 'person', 'RESOLVED', 'RESOLVED'), ('commented', 'person', 'ACCEPTED', 'ACCEPTED'),
    ('proposed', 'person', 'OPEN', 'PROPOSED'), ('proposed', 'person', 'ASSIGNED', 'PROPOSED'),
    ('proposed', 'person', 'OPEN', 'APPROVED'), ('proposed', 'person', 'ASSIGNED', 'APPROVED'),
    ('approved', 'person', 'PROPOSED', 'PROPOSED'), ('approved', 'person', 'PROPOSED', 'APPROVED'),
    ('rejected', 'person', 'PROPOSED', 'ASSIGNED'), ('rejected', 'person', 'APPROVED', 'ASSIGNED'),
    ('resolved', 'person', 'ASSIGNED', 'RESOLVED'), ('resolved', 'person', 'APPROVED', 'RESOLVED'),
    ('accepted', 'person', 'APPROVED', 'ACCEPTED');

-- The limits of each rule set that proposals were judged by, kept as they were.
CREATE TABLE recon.control_limits (
    rules_sha256 text PRIMARY KEY,
    manual_match_sgd_minor bigint NOT NULL CHECK (manual_match_sgd_minor >= 0),
    two_checkers_sgd_minor bigint NOT NULL CHECK (two_checkers_sgd_minor >= manual_match_sgd_minor),
    UNIQUE (rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor)
);

-- Where a break is now. Updated with its history, in the same transaction; see break_events.
CREATE TABLE recon.break_lives (
    break_id uuid PRIMARY KEY,
    recon text NOT NULL,
    family text NOT NULL,
    code text NOT NULL,
    key text COLLATE "C" NOT NULL,
    currency char(3),
    amount_minor bigint,
    amount_sgd_minor bigint,     -- what it was worth when code or amount last changed; NULL where no rate was known
    severity text NOT NULL CHECK (severity IN ('S1', 'S2', 'S3', 'S4')),
    owner text NOT NULL,
    since_on date NOT NULL,      -- the fact's date: what age counts from
    opened_at timestamptz NOT NULL DEFAULT now(),  -- when it was (last) opened here: what deadlines count from
    first_seen_run uuid NOT NULL REFERENCES recon.runs,
    first_seen_on date NOT NULL,
    last_seen_run uuid NOT NULL REFERENCES recon.runs,
    last_seen_on date NOT NULL,
    state text NOT NULL,
    assignee text,
    proposal_no integer NOT NULL DEFAULT 0,  -- the proposal pending or approved; 0 none
    accepted_in integer,                     -- the version that accepted it, while it is
    version integer NOT NULL,                -- whoever acts says which version they saw
    facts text NOT NULL GENERATED ALWAYS AS (
        code || '|' || coalesce(currency::text, '') || '|' || coalesce(amount_minor::text, '') || '|'
        || coalesce(amount_sgd_minor::text, '')
    ) STORED,
    CHECK (assignee IS NOT NULL OR state NOT IN ('ASSIGNED', 'PROPOSED', 'APPROVED')),
    CHECK ((accepted_in IS NOT NULL) = (state = 'ACCEPTED')),
    CHECK (first_seen_on <= last_seen_on)
);
CREATE INDEX ON recon.break_lives (state, severity, owner);

-- What was proposed for a break, about the amounts of one row of its history.
CREATE TABLE recon.break_proposals (
    break_id uuid NOT NULL REFERENCES recon.break_lives,
    proposal_no integer NOT NULL CHECK (proposal_no > 0),
    based_on integer NOT NULL,  -- the version it is about
    kind text NOT NULL CHECK (kind IN (
        'correct',        -- mend it in the system it comes from; the next run sees whether it is
        'write_off',      -- give the money up
        'accept',         -- let it stand as it is, without giving money up
        'manual_match',   -- pair what no rule paired
        'unmatch',        -- part what was paired
        'merge',          -- make two records one
        'config_change'   -- change a rule, a mapping or a limit
    )),
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    maker text NOT NULL,
    maker_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(maker)) STORED,
    code text NOT NULL,
    currency char(3),
    amount_minor bigint,
    amount_sgd_minor bigint,
    rules_sha256 text NOT NULL,
    manual_match_sgd_minor bigint NOT NULL,
    two_checkers_sgd_minor bigint NOT NULL,
    checkers_needed integer NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    facts text NOT NULL GENERATED ALWAYS AS (
        code || '|' || coalesce(currency::text, '') || '|' || coalesce(amount_minor::text, '') || '|'
        || coalesce(amount_sgd_minor::text, '')
    ) STORED,
    PRIMARY KEY (break_id, proposal_no),
    UNIQUE (break_id, proposal_no, kind, checkers_needed),
    UNIQUE (break_id, proposal_no, maker_id, checkers_needed),
    UNIQUE (break_id, proposal_no, based_on, maker_id),
    UNIQUE (break_id, based_on),
    CONSTRAINT limits_are_those_of_the_rules FOREIGN KEY (rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor)
    REFERENCES recon.control_limits (rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor),
    CONSTRAINT maker_is_a_person CHECK (recon.is_person(maker_id)),
    -- Money of unknown value might be large. The CASE asks for NULLs first, because a check that is NULL passes.
    CONSTRAINT as_many_checkers_as_policy_asks CHECK (checkers_needed = CASE
        WHEN kind = 'correct' THEN 0
        WHEN amount_minor IS NOT NULL AND amount_sgd_minor IS NULL THEN 2
        WHEN amount_minor IS NOT NULL AND abs(amount_sgd_minor) > two_checkers_sgd_minor THEN 2
        WHEN kind = 'manual_match' AND amount_minor IS NOT NULL AND abs(amount_sgd_minor) <= manual_match_sgd_minor
            THEN 0
        ELSE 1
    END)
);

CREATE TABLE recon.break_approvals (
    break_id uuid NOT NULL,
    proposal_no integer NOT NULL,
    ordinal integer NOT NULL,
    before integer GENERATED ALWAYS AS (nullif(ordinal - 1, 0)) STORED,
    checker text NOT NULL,
    checker_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(checker)) STORED,
    maker_id text COLLATE "C" NOT NULL,
    checkers_needed integer NOT NULL,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    approved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (break_id, proposal_no, ordinal),
    UNIQUE (break_id, proposal_no, ordinal, checker_id),
    CONSTRAINT maker_is_the_proposals FOREIGN KEY (break_id, proposal_no, maker_id, checkers_needed)
    REFERENCES recon.break_proposals (break_id, proposal_no, maker_id, checkers_needed),
    CONSTRAINT in_order FOREIGN KEY (break_id, proposal_no, before)
    REFERENCES recon.break_approvals (break_id, proposal_no, ordinal),
    CONSTRAINT no_more_than_needed CHECK (ordinal BETWEEN 1 AND checkers_needed),
    CONSTRAINT checker_is_a_person CHECK (recon.is_person(checker_id)),
    CONSTRAINT maker_is_not_checker CHECK (checker_id <> maker_id),
    CONSTRAINT a_checker_approves_once UNIQUE (break_id, proposal_no, checker_id)
);

-- All that ever happened to a break: version n is its n-th row.
CREATE TABLE recon.break_events (
    break_id uuid NOT NULL REFERENCES recon.break_lives DEFERRABLE INITIALLY DEFERRED,
    version integer NOT NULL CHECK (version > 0),
    before integer GENERATED ALWAYS AS (nullif(version - 1, 0)) STORED,
    action text NOT NULL,
    actor text NOT NULL,
    actor_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(actor)) STORED,
    actor_kind text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN recon.identity(actor) IN ('run', 'policy') THEN recon.identity(actor) ELSE 'person' END
    ) STORED,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    from_state text NOT NULL,
    to_state text NOT NULL,
    assignee text,  -- who has it from here on
    severity text NOT NULL,
    code text NOT NULL,
    currency char(3),
    amount_minor bigint,
    amount_sgd_minor bigint,
    facts text NOT NULL GENERATED ALWAYS AS (
        code || '|' || coalesce(currency::text, '') || '|' || coalesce(amount_minor::text, '') || '|'
        || coalesce(amount_sgd_minor::text, '')
    ) STORED,
    -- What may not change here: only a run states facts, and never under a proposal.
    facts_before text GENERATED ALWAYS AS (
        CASE WHEN recon.identity(actor) <> 'run' OR to_state IN ('PROPOSED', 'APPROVED') THEN
            code || '|' || coalesce(currency::text, '') || '|' || coalesce(amount_minor::text, '') || '|'
            || coalesce(amount_sgd_minor::text, '')
        END
    ) STORED,
    proposal_before integer NOT NULL DEFAULT 0,
    proposal_after integer NOT NULL DEFAULT 0,
    proposal_no integer GENERATED ALWAYS AS (nullif(greatest(proposal_before, proposal_after), 0)) STORED,
    kind text,                -- the proposal's
    checkers_needed integer,  -- the proposal's
    proposed_on integer GENERATED ALWAYS AS (CASE WHEN action = 'proposed' THEN version - 1 END) STORED,
    written_off_in integer GENERATED ALWAYS AS (CASE WHEN action = 'written_off' THEN version END) STORED,
    approval integer,         -- which of the proposal's approvals this is
    run_id uuid REFERENCES recon.runs,
    rules_sha256 text,
    PRIMARY KEY (break_id, version),
    UNIQUE (break_id, version, to_state, proposal_after),
    UNIQUE (break_id, version, facts),
    UNIQUE (break_id, proposal_no, approval),
    CONSTRAINT the_step_is_allowed FOREIGN KEY (action, actor_kind, from_state, to_state)
    REFERENCES recon.break_steps (action, actor_kind, from_state, to_state),
    CONSTRAINT follows_the_row_before FOREIGN KEY (break_id, before, from_state, proposal_before)
    REFERENCES recon.break_events (break_id, version, to_state, proposal_after),
    CONSTRAINT amounts_are_the_runs FOREIGN KEY (break_id, before, facts_before)
    REFERENCES recon.break_events (break_id, version, facts),
    CONSTRAINT the_proposal_exists FOREIGN KEY (break_id, proposal_no, kind, checkers_needed)
    REFERENCES recon.break_proposals (break_id, proposal_no, kind, checkers_needed),
    CONSTRAINT proposed_by_its_maker_about_this FOREIGN KEY (break_id, proposal_after, proposed_on, actor_id)
    REFERENCES recon.break_proposals (break_id, proposal_no, based_on, maker_id),
    CONSTRAINT approved_by_its_checker FOREIGN KEY (break_id, proposal_no, approval, actor_id)
    REFERENCES recon.break_approvals (break_id, proposal_no, ordinal, checker_id),
    CONSTRAINT begins_new CHECK ((version = 1) = (from_state = 'NEW') AND (version > 1 OR proposal_before = 0)),
    CONSTRAINT actor_is_somebody CHECK (actor_kind <> 'person' OR recon.is_person(actor_id)),
    CONSTRAINT runs_are_named CHECK (actor_kind = 'person' OR run_id IS NOT NULL),
    CONSTRAINT rules_are_named CHECK (actor_kind <> 'policy' OR rules_sha256 IS NOT NULL),
    CONSTRAINT a_proposal_while_one_is_pending CHECK ((proposal_after > 0) = (to_state IN ('PROPOSED', 'APPROVED'))),
    CONSTRAINT one_proposal_at_a_time CHECK (
        proposal_before = 0 OR proposal_after = 0 OR proposal_before = proposal_after
    ),
    CONSTRAINT a_proposal_says_what CHECK (
        (kind IS NULL) = (greatest(proposal_before, proposal_after) = 0)
        AND (checkers_needed IS NULL) = (kind IS NULL)
    ),
    CONSTRAINT proposed_is_approved_only_where_nobody_checks CHECK (
        action <> 'proposed' OR (to_state = 'APPROVED') = (checkers_needed = 0)
    ),
    CONSTRAINT an_approval_is_somebodys CHECK ((action = 'approved') = (approval IS NOT NULL)),
    CONSTRAINT the_last_approval_approves CHECK (
        action <> 'approved' OR (to_state = 'APPROVED') = (approval = checkers_needed)
    ),
    CONSTRAINT only_write_offs_and_acceptances_stand CHECK (
        action NOT IN ('accepted', 'resolved') OR (action = 'accepted') = coalesce(kind IN ('write_off', 'accept'), false)
    )
);

ALTER TABLE recon.break_proposals
ADD CONSTRAINT amounts_are_the_breaks FOREIGN KEY (break_id, based_on, facts)
REFERENCES recon.break_events (break_id, version, facts);

ALTER TABLE recon.break_lives
ADD CONSTRAINT its_history_leads_here FOREIGN KEY (break_id, version, state, proposal_no)
REFERENCES recon.break_events (break_id, version, to_state, proposal_after),
ADD CONSTRAINT its_amounts_are_its_historys FOREIGN KEY (break_id, version, facts)
REFERENCES recon.break_events (break_id, version, facts);

-- What policy wrote off by itself, by whose month it was.
CREATE TABLE recon.write_offs (
    break_id uuid NOT NULL,
    version integer NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    amount_sgd_minor bigint NOT NULL,
    counts boolean NOT NULL,           -- towards the customer's month
    before_sgd_minor bigint NOT NULL,  -- written off of this customer's month before it
    cap_sgd_minor bigint NOT NULL,
    PRIMARY KEY (break_id, version),
    FOREIGN KEY (break_id, version) REFERENCES recon.break_events (break_id, version),
    CONSTRAINT within_the_customers_month CHECK (
        NOT counts OR abs(before_sgd_minor) + abs(amount_sgd_minor) <= cap_sgd_minor
    )
);
CREATE INDEX ON recon.write_offs (customer_id, month);

ALTER TABLE recon.break_events
ADD CONSTRAINT policy_says_whose_month FOREIGN KEY (break_id, written_off_in)
REFERENCES recon.write_offs (break_id, version) DEFERRABLE INITIALLY DEFERRED;

-- Which published runs the lives have followed, in their order.
CREATE TABLE recon.life_updates (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES recon.runs,
    as_of date NOT NULL,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    counts jsonb NOT NULL
);

CREATE FUNCTION recon.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'recon.% is history: % is refused', tg_table_name, tg_op;
END $$;

CREATE TRIGGER break_events_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.break_events
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

CREATE TRIGGER break_proposals_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.break_proposals
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

CREATE TRIGGER break_approvals_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.break_approvals
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

CREATE TRIGGER control_limits_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.control_limits
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

CREATE TRIGGER break_steps_are_append_only
BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON recon.break_steps
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

CREATE TRIGGER write_offs_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.write_offs
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();
