-- Which money is for what, where people decided it: matches by hand, matches parted, and partings withdrawn.
--
-- A proposal of such a kind says what it joins (`pairings`), so that its checkers approve that and nothing else. What was
-- approved stands as a ruling until something ends it; a run carries out the rulings that stood when it began, and its
-- certificate names them. Rulings are numbered in the order in which they were committed: whoever writes one holds the table.

-- A posted match is no break: a person opens one by questioning it.
ALTER TABLE recon.break_steps DISABLE TRIGGER break_steps_are_append_only;
INSERT INTO recon.break_steps (action, actor_kind, from_state, to_state) VALUES
    ('questioned', 'person', 'NEW', 'OPEN'), ('questioned', 'person', 'RESOLVED', 'OPEN'),
    ('questioned', 'person', 'OPEN', 'OPEN'), ('questioned', 'person', 'ASSIGNED', 'OPEN'),
    ('questioned', 'person', 'ACCEPTED', 'OPEN');
ALTER TABLE recon.break_steps ENABLE TRIGGER break_steps_are_append_only;

-- What is questioned is worth what the newest published day posted, whatever it was worth when it was questioned before.
ALTER TABLE recon.break_events DROP CONSTRAINT amounts_are_the_runs, DROP COLUMN facts_before;
ALTER TABLE recon.break_events
ADD COLUMN facts_before text GENERATED ALWAYS AS (
    CASE WHEN action <> 'questioned' AND (recon.identity(actor) <> 'run' OR to_state IN ('PROPOSED', 'APPROVED')) THEN
        code || '|' || coalesce(currency::text, '') || '|' || coalesce(amount_minor::text, '') || '|'
        || coalesce(amount_sgd_minor::text, '')
    END
) STORED,
ADD CONSTRAINT amounts_are_the_runs FOREIGN KEY (break_id, before, facts_before)
REFERENCES recon.break_events (break_id, version, facts),
ADD CONSTRAINT only_matches_are_questioned CHECK (action <> 'questioned' OR code = 'CA21');

ALTER TABLE recon.break_proposals DROP CONSTRAINT break_proposals_kind_check;
ALTER TABLE recon.break_proposals
ADD CONSTRAINT break_proposals_kind_check CHECK (kind IN (
    'correct',        -- mend it in the system it comes from; the next run sees whether it is
    'write_off',      -- give the money up
    'accept',         -- let it stand as it is, without giving money up
    'manual_match',   -- pair what no rule paired
    'unmatch',        -- part what was paired
    'withdraw',       -- let the rules pair again what was parted
    'merge',          -- make two records one
    'config_change'   -- change a rule, a mapping or a limit
)),
ADD UNIQUE (break_id, proposal_no, kind, currency, amount_minor);

CREATE FUNCTION recon.sum_of(amounts bigint[]) RETURNS numeric IMMUTABLE LANGUAGE sql AS $$
    SELECT coalesce(sum(amount), 0) FROM unnest(amounts) AS amount
$$;

CREATE FUNCTION recon.are_distinct(names text[]) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
    SELECT count(DISTINCT name) = count(*) FROM unnest(names) AS name
$$;

CREATE TABLE recon.pairings (
    break_id uuid NOT NULL,
    proposal_no integer NOT NULL,
    kind text NOT NULL,
    item_type text NOT NULL CHECK (item_type IN (
        'payment',     -- its money settles each invoice by the amount beside it
        'credit_note'  -- it is for the one invoice, as if it named it
    )),
    item_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,     -- of the amounts, and of the item
    break_minor bigint NOT NULL,   -- what the break is about, and so what was approved
    invoice_ids text[] NOT NULL,
    amounts_minor bigint[] NOT NULL,
    match_id text COLLATE "C",     -- the posted match that is parted
    PRIMARY KEY (break_id, proposal_no),
    UNIQUE (break_id, proposal_no, kind, item_type, item_id),
    CONSTRAINT about_what_is_proposed FOREIGN KEY (break_id, proposal_no, kind, currency, break_minor)
    REFERENCES recon.break_proposals (break_id, proposal_no, kind, currency, amount_minor),
    CONSTRAINT only_these_say_what_they_pair CHECK (kind IN ('manual_match', 'unmatch', 'withdraw')),
    CONSTRAINT every_invoice_once_with_its_amount CHECK (
        cardinality(invoice_ids) > 0 AND cardinality(invoice_ids) = cardinality(amounts_minor)
        AND recon.are_distinct(invoice_ids) AND 0 < ALL (amounts_minor)
    ),
    CONSTRAINT no_more_than_the_break_is_about CHECK (recon.sum_of(amounts_minor) <= abs(break_minor)),
    CONSTRAINT parted_whole CHECK (kind <> 'unmatch' OR recon.sum_of(amounts_minor) = abs(break_minor)),
    CONSTRAINT a_credit_note_is_for_one_invoice CHECK (item_type <> 'credit_note' OR cardinality(invoice_ids) = 1)
);

CREATE INDEX ON recon.pairings (item_id);

CREATE SEQUENCE recon.ruling_numbers;

CREATE TABLE recon.rulings (
    ruling_no bigint PRIMARY KEY,
    break_id uuid NOT NULL,
    proposal_no integer NOT NULL,
    kind text NOT NULL,
    item_type text NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    approved_in integer NOT NULL,  -- the version of the break's history by which it was approved
    approved_state text NOT NULL GENERATED ALWAYS AS ('APPROVED') STORED,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_no bigint,               -- numbered with the rulings: runs that began before know it as standing
    ended_why text CHECK (ended_why IN (
        'sent back',   -- before a run carried it out
        'lapsed',      -- its break is about another amount now
        'parted',      -- a match by hand that was unmatched
        'withdrawn',   -- a parting that holds no longer
        'carried out'  -- a withdrawal does its work at once
    )),
    ended_at timestamptz,
    UNIQUE (break_id, proposal_no),
    CONSTRAINT says_what_it_pairs FOREIGN KEY (break_id, proposal_no, kind, item_type, item_id)
    REFERENCES recon.pairings (break_id, proposal_no, kind, item_type, item_id),
    CONSTRAINT was_approved FOREIGN KEY (break_id, approved_in, approved_state, proposal_no)
    REFERENCES recon.break_events (break_id, version, to_state, proposal_after),
    CONSTRAINT ends_with_a_reason CHECK (
        (ended_no IS NULL) = (ended_why IS NULL) AND (ended_no IS NULL) = (ended_at IS NULL)
    ),
    CONSTRAINT ends_after_it_began CHECK (ended_no > ruling_no)
);
CREATE UNIQUE INDEX an_item_is_matched_by_hand_once ON recon.rulings (item_type, item_id)
WHERE kind = 'manual_match' AND ended_no IS NULL;
CREATE INDEX ON recon.rulings (item_id);

CREATE TRIGGER pairings_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.pairings
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

-- A ruling may end, once; nothing else about it changes.
CREATE FUNCTION recon.refuse_ruling_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'UPDATE' AND old.ended_no IS NULL AND new.ended_no IS NOT NULL
        AND (new.ruling_no, new.break_id, new.proposal_no, new.approved_in, new.granted_at)
            = (old.ruling_no, old.break_id, old.proposal_no, old.approved_in, old.granted_at)
    THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'recon.rulings is history: % is refused', tg_op;
END $$;

CREATE TRIGGER rulings_only_end
BEFORE UPDATE OR DELETE ON recon.rulings
FOR EACH ROW EXECUTE FUNCTION recon.refuse_ruling_change();

CREATE TRIGGER rulings_are_not_emptied
BEFORE TRUNCATE ON recon.rulings
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

-- The rulings a run carries out: those numbered up to this one, and not ended by then; a repeat of a published day too.
ALTER TABLE recon.runs ADD COLUMN rulings_through bigint NOT NULL DEFAULT 0;

-- Up to which ruling this transaction sees (tieout.rulings); none where nobody said.
CREATE FUNCTION recon.rulings_seen() RETURNS bigint STABLE LANGUAGE sql AS $$
    SELECT coalesce(nullif(current_setting('tieout.rulings', true), '')::bigint, 0)
$$;

-- What a run reads of rulings: those that stood at its snapshot, with who made and who checked them.
CREATE VIEW seen.rulings AS
SELECT ruling_no, kind, item_type, item_id, pairing.currency, invoice_ids, amounts_minor, match_id, maker_id AS maker,
    (
        SELECT coalesce(array_agg(checker_id ORDER BY ordinal), '{}') FROM recon.break_approvals AS approval
        WHERE approval.break_id = ruling.break_id AND approval.proposal_no = ruling.proposal_no
    ) AS checkers,
    proposal.reason
FROM recon.rulings AS ruling
JOIN recon.pairings AS pairing USING (break_id, proposal_no, kind, item_type, item_id)
JOIN recon.break_proposals AS proposal USING (break_id, proposal_no, kind)
WHERE ruling_no <= (SELECT recon.rulings_seen())
    AND (ended_no IS NULL OR ended_no > (SELECT recon.rulings_seen()));

-- Payments and the invoices that people parted them from, and did not match by hand since.
CREATE VIEW seen.parted AS
SELECT DISTINCT item_id AS payment_id, (parted_from.invoice_id) COLLATE "C" AS invoice_id
FROM seen.rulings AS parting
CROSS JOIN LATERAL unnest(parting.invoice_ids) AS parted_from (invoice_id)
WHERE kind = 'unmatch' AND item_type = 'payment' AND NOT EXISTS (
    SELECT FROM seen.rulings AS again
    WHERE again.kind = 'manual_match' AND again.item_type = 'payment' AND again.item_id = parting.item_id
        AND parted_from.invoice_id = ANY (again.invoice_ids)
);

-- A credit note that names no invoice is for the one that a standing ruling says.
CREATE OR REPLACE VIEW seen.credit_notes AS
SELECT native_id, version, place, row_hash, recorded_in, superseded_in, id, number, customer_id,
    coalesce(known.invoice_id, ruled.invoice_id) COLLATE "C" AS invoice_id, issue_date, currency, gross_minor
FROM canonical.credit_notes AS known
LEFT JOIN (
    SELECT item_id AS native_id, invoice_ids[1] AS invoice_id
    FROM recon.rulings JOIN recon.pairings USING (break_id, proposal_no, kind, item_type, item_id)
    WHERE kind = 'manual_match' AND item_type = 'credit_note'
        AND ruling_no <= (SELECT recon.rulings_seen())
        AND (ended_no IS NULL OR ended_no > (SELECT recon.rulings_seen()))
) AS ruled USING (native_id)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.issue_date <= (SELECT current_setting('tieout.as_of')::date);
