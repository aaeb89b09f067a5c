-- R1, what is left to people: which records no pass linked, why, whom they may be, and who belongs to whose group.

-- name: create_customer_parents
-- As the ERP says, or as the CRM says of the accounts linked to the two; nothing where they say different things.
CREATE TEMP TABLE customer_parents (
    customer_id text COLLATE "C" PRIMARY KEY,
    parent_id text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: create_said_parents
CREATE TEMP TABLE said_parents (
    customer_id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C",   -- linked to the customer
    in_erp text COLLATE "C",       -- the parent customer the ERP names
    in_crm text COLLATE "C",       -- the customer linked to the account's parent
    erp_parent_linked boolean NOT NULL
) ON COMMIT DROP;

-- name: fill_said_parents
INSERT INTO said_parents
SELECT customer.id, link.account_id, in_erp.id, in_crm.customer_id, linked.customer_id IS NOT NULL
FROM parties AS customer
LEFT JOIN parties AS in_erp
    ON in_erp.side = 'customer' AND in_erp.id = customer.parent_id AND in_erp.id <> customer.id
LEFT JOIN identity_links AS linked ON linked.customer_id = in_erp.id
LEFT JOIN identity_links AS link ON link.customer_id = customer.id
LEFT JOIN parties AS account ON account.side = 'account' AND account.id = link.account_id
LEFT JOIN parties AS above
    ON above.side = 'account' AND above.id18 = account.parent_id AND above.id <> account.id
LEFT JOIN identity_links AS in_crm ON in_crm.account_id = above.id
WHERE customer.side = 'customer' AND (in_erp.id IS NOT NULL OR in_crm.customer_id IS NOT NULL);

-- name: fill_customer_parents
INSERT INTO customer_parents
SELECT customer_id, coalesce(in_erp, in_crm) FROM said_parents WHERE in_erp IS NULL OR in_crm IS NULL OR in_erp = in_crm;

-- name: create_customer_groups
-- Every customer, with the head of its group: itself where it has no parent, or where the parents go round in a circle.
CREATE TEMP TABLE customer_groups (
    customer_id text COLLATE "C" PRIMARY KEY,
    group_id text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: fill_customer_groups
WITH RECURSIVE above AS (
    SELECT customer_id, parent_id AS ancestor_id, 1 AS generations FROM customer_parents
    UNION ALL
    SELECT above.customer_id, parent_id, generations + 1
    FROM above JOIN customer_parents ON customer_parents.customer_id = ancestor_id
    WHERE generations < %(generations_max)s
),
heads AS (
    SELECT above.customer_id, ancestor_id
    FROM above LEFT JOIN customer_parents ON customer_parents.customer_id = ancestor_id
    WHERE customer_parents.customer_id IS NULL
)
INSERT INTO customer_groups
SELECT id, coalesce(ancestor_id, id) FROM parties LEFT JOIN heads ON customer_id = id WHERE side = 'customer';

-- name: analyse_groups
ANALYZE identity_links, customer_parents, customer_groups;

-- name: create_party_fates
-- What became of each record, decided once: the first that says something of it.
CREATE TEMP TABLE party_fates (
    side text NOT NULL,
    id text COLLATE "C" NOT NULL,
    fate text NOT NULL CHECK (fate IN (
        'linked',
        'unreadable',   -- a newer version is in quarantine, or the record it names: that is said elsewhere
        'duplicate',    -- ID03, ID04
        'contradicted', -- ID05, also the record whose number it is
        'related',      -- ID07: part of a company that is linked or may be
        'in review',    -- ID06
        'in question',  -- a candidate of a record in review
        'missing'       -- ID01, ID02
    )),
    other_id text COLLATE "C",
    why text NOT NULL,
    PRIMARY KEY (side, id)
) ON COMMIT DROP;

-- name: note_linked
INSERT INTO party_fates
SELECT 'account', account_id, 'linked', customer_id, rule FROM identity_links
UNION ALL
SELECT 'customer', customer_id, 'linked', account_id, rule FROM identity_links;

-- name: note_unreadable
INSERT INTO party_fates
SELECT side, id, 'unreadable', refers_to, '' FROM parties
WHERE NOT readable OR (CASE side WHEN 'account' THEN 'customers' ELSE 'accounts' END, refers_to) IN (
    SELECT entity, native_id FROM seen.quarantine
)
ON CONFLICT DO NOTHING;

-- name: note_duplicates
INSERT INTO party_fates
SELECT side, id, 'duplicate', standing_id, why FROM alike
ON CONFLICT DO NOTHING;

-- name: note_contradicted
INSERT INTO party_fates
SELECT 'customer', customer_id, 'contradicted', min(account_id), '' FROM cross_references
WHERE against IN ('other number', 'elsewhere') GROUP BY customer_id
UNION ALL
SELECT 'account', account_id, 'contradicted', min(customer_id), '' FROM cross_references
WHERE against IN ('other number', 'elsewhere') AND by_account GROUP BY account_id
ON CONFLICT DO NOTHING;

-- name: note_owners_of_contradicted
-- Whose number a contradicted record has, is not missing on the other side.
INSERT INTO party_fates
SELECT 'account', account_id, 'contradicted', min(customer_id), 'owner'
FROM same_numbers JOIN party_fates ON side = 'customer' AND id = customer_id AND fate = 'contradicted'
GROUP BY account_id
UNION ALL
SELECT 'customer', customer_id, 'contradicted', min(account_id), 'owner'
FROM same_numbers JOIN party_fates ON side = 'account' AND id = account_id AND fate = 'contradicted'
GROUP BY customer_id
ON CONFLICT DO NOTHING;

-- name: create_candidates
-- Pairs for review, with how alike they are.
CREATE TEMP TABLE candidates (
    account_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    why text NOT NULL,
    score integer NOT NULL,
    PRIMARY KEY (account_id, customer_id)
) ON COMMIT DROP;

-- name: propose_evident
-- Pairs with evidence that was not the only one of its kind, where at least one of the two has no fate yet.
INSERT INTO candidates
SELECT DISTINCT ON (account_id, customer_id) account_id, customer_id, evident.why, 100
FROM (
    SELECT account_id, customer_id, 'the registered number' AS why, 1 AS rank FROM same_numbers WHERE strong
    UNION ALL
    SELECT account_id, customer_id, 'a reference from one to the other', 2 FROM cross_references
    WHERE against IS NULL OR against = 'doubt'
    UNION ALL
    SELECT account_id, customer_id, 'the name, the domain and the country', 3 FROM same_names
) AS evident
LEFT JOIN party_fates AS account ON account.side = 'account' AND account.id = account_id
LEFT JOIN party_fates AS customer ON customer.side = 'customer' AND customer.id = customer_id
WHERE account.id IS NULL OR customer.id IS NULL
ORDER BY account_id, customer_id, rank;

-- name: note_other_registrations
-- Another customer of a linked account: the same company's number, or a reference the account does not return.
INSERT INTO party_fates
SELECT 'customer', customer_id, 'related', min(candidates.account_id), 'second customer'
FROM candidates
JOIN party_fates AS account ON account.side = 'account' AND account.id = candidates.account_id AND account.fate = 'linked'
WHERE candidates.why <> 'the name, the domain and the country'
GROUP BY customer_id
ON CONFLICT DO NOTHING;

-- name: note_in_review
-- One question each: the account asks if it has no fate, else the customer does.
INSERT INTO party_fates
SELECT 'account', account_id, 'in review', (array_agg(customer_id ORDER BY score DESC, customer_id))[1], ''
FROM candidates GROUP BY account_id
ON CONFLICT DO NOTHING;

-- name: note_in_question
INSERT INTO party_fates
SELECT 'customer', customer_id,
    CASE WHEN bool_or(fate = 'in review') THEN 'in question' ELSE 'in review' END,
    (array_agg(account_id ORDER BY score DESC, account_id))[1], ''
FROM candidates
JOIN party_fates ON side = 'account' AND id = account_id
GROUP BY customer_id
ON CONFLICT DO NOTHING;

-- name: note_related
-- Without a number of its own, a record below another is no company of its own: it trades through that one.
INSERT INTO party_fates
SELECT party.side, party.id, 'related', parent.id, 'parent'
FROM parties AS party
JOIN parties AS parent ON parent.side = party.side AND parent.id18 = party.parent_id AND parent.id <> party.id
JOIN party_fates AS known ON known.side = parent.side AND known.id = parent.id
WHERE party.number IS NULL
ON CONFLICT DO NOTHING;

-- name: create_blocks
-- What undecided records are looked up by: the words of the name, its beginning, and the domain.
CREATE TEMP TABLE blocks (
    side text NOT NULL,
    id text COLLATE "C" NOT NULL,
    block text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: fill_blocks
INSERT INTO blocks
SELECT party.side, party.id, named.block
FROM parties AS party
LEFT JOIN party_fates AS decided USING (side, id)
CROSS JOIN LATERAL (
    SELECT DISTINCT word AS block FROM regexp_split_to_table(party.name_key, ' ') AS word WHERE length(word) > 2
    UNION
    SELECT '^' || left(replace(party.name_key, ' ', ''), 4)
    UNION
    SELECT '@' || domain FROM party_domains WHERE party_domains.side = party.side AND party_domains.id = party.id
) AS named
WHERE decided.id IS NULL;

-- name: analyse_blocks
ANALYZE blocks;

-- name: pairs_to_compare
-- Nothing in the pair's forms, hints and numbers speaks against it, and its block is small enough to mean something.
WITH sizes AS (
    SELECT block FROM blocks GROUP BY block
    HAVING count(*) FILTER (WHERE side = 'account') * count(*) FILTER (WHERE side = 'customer')
        BETWEEN 1 AND %(block_pairs_max)s
),
pairs AS (
    SELECT DISTINCT one.id AS account_id, other.id AS customer_id
    FROM sizes
    JOIN blocks AS one USING (block)
    JOIN blocks AS other USING (block)
    WHERE one.side = 'account' AND other.side = 'customer'
)
SELECT account_id, customer_id, account.name_key AS account_key, customer.name_key AS customer_key,
    coalesce(account.country <> customer.country, false) AS other_country
FROM pairs
JOIN parties AS account ON account.side = 'account' AND account.id = account_id
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id
WHERE (account.legal_form <@ customer.legal_form OR customer.legal_form <@ account.legal_form)
    AND (account.hint = customer.hint OR account.hint IS NULL OR customer.hint IS NULL)
    AND NOT coalesce(
        account.entity <> customer.entity
        AND (account.scheme = customer.scheme OR NOT account.strong OR NOT customer.strong), false
    )
ORDER BY account_id, customer_id;

-- name: note_missing
INSERT INTO party_fates
SELECT side, id, 'missing', NULL, '' FROM parties
ON CONFLICT DO NOTHING;

-- name: fill_alike_names
INSERT INTO candidates
SELECT account_id, customer_id, 'the name alone', score
FROM unnest(%(accounts)s::text[], %(customers)s::text[], %(scores)s::integer[]) AS pair (account_id, customer_id, score);

-- name: keep_candidates
-- The best of each record in review, and the owners of the numbers that contradict a link.
INSERT INTO recon.matches
SELECT %(run_id)s, recon.match_id('R1', account_id || '|' || customer_id),
    'R1', 'review', 'account', account_id, 'customer', customer_id, coalesce(customer.currency, account.currency), 0, 0,
    '', 'suggested'
FROM (
    SELECT account_id, customer_id,
        row_number() OVER (PARTITION BY account_id ORDER BY max(score) DESC, customer_id) AS of_account,
        row_number() OVER (PARTITION BY customer_id ORDER BY max(score) DESC, account_id) AS of_customer
    FROM (
        SELECT account_id, customer_id, score FROM candidates
        UNION ALL
        SELECT account_id, customer_id, 100 FROM same_numbers
        WHERE customer_id IN (SELECT held_customers.customer_id FROM held_customers)
    ) AS proposed
    GROUP BY account_id, customer_id
) AS ranked
JOIN parties AS account ON account.side = 'account' AND account.id = account_id
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id
WHERE of_account <= %(candidates_max)s AND of_customer <= %(candidates_max)s;

-- name: missing_accounts
-- ID01
SELECT party.id, party.name, party.id18 IN (
        SELECT coalesce(id18, account_id) FROM seen.opportunities LEFT JOIN salesforce_ids ON given = account_id
        WHERE is_closed AND is_won AND account_id IS NOT NULL
    ) AS won
FROM party_fates JOIN parties AS party USING (side, id)
WHERE side = 'account' AND fate = 'missing'
ORDER BY id;

-- name: missing_customers
-- ID02
SELECT party.id, party.name, party.refers_to
FROM party_fates JOIN parties AS party USING (side, id)
WHERE side = 'customer' AND fate = 'missing'
ORDER BY id;

-- name: duplicate_parties
-- ID03 and ID04
SELECT side, alike.id, party.name, standing_id, standing.name AS standing_name, why, settled
FROM alike
JOIN parties AS party USING (side, id)
JOIN parties AS standing USING (side)
WHERE standing.id = standing_id
ORDER BY side, alike.id;

-- name: contradicted_links
-- ID05, with the record whose number one of the two has.
SELECT customer_id, customer.name AS customer_name, account_id, account.name AS account_name,
    by_account, by_customer, right(account.number, 4) AS account_number, right(customer.number, 4) AS customer_number,
    (SELECT min(same.account_id) FROM same_numbers AS same WHERE same.customer_id = said.customer_id) AS owner_account,
    (SELECT min(same.customer_id) FROM same_numbers AS same WHERE same.account_id = said.account_id) AS owner_customer
FROM cross_references AS said
JOIN parties AS account ON account.side = 'account' AND account.id = account_id
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id
WHERE against IN ('other number', 'elsewhere')
ORDER BY customer_id, account_id;

-- name: parties_in_review
-- ID06, each with its candidates, best first.
SELECT fates.side, fates.id, party.name, jsonb_agg(
        jsonb_build_object('id', other.id, 'name', other.name, 'why', candidates.why, 'score', score)
        ORDER BY score DESC, other.id
    ) AS candidates
FROM party_fates AS fates
JOIN parties AS party USING (side, id)
JOIN (
    SELECT 'account' AS side, account_id AS id, 'customer' AS other_side, customer_id AS other_id, why, score
    FROM candidates
    UNION ALL
    SELECT 'customer', customer_id, 'account', account_id, why, score FROM candidates
) AS candidates USING (side, id)
JOIN parties AS other ON other.side = other_side AND other.id = candidates.other_id
WHERE fate = 'in review'
GROUP BY fates.side, fates.id, party.name
ORDER BY fates.side, fates.id;

-- name: related_parties
-- ID07: records that trade through another one.
SELECT fates.side, fates.id, party.name, other.id AS other_id, other.name AS other_name, why
FROM party_fates AS fates
JOIN parties AS party USING (side, id)
JOIN parties AS other
    ON other.id = other_id AND other.side = CASE why WHEN 'parent' THEN fates.side ELSE 'account' END
WHERE fate = 'related'
ORDER BY fates.side, fates.id;

-- name: unequal_parents
-- ID07: linked records whose parents are not the same; where one system knows no parents at all, it cannot disagree.
WITH knows AS (
    SELECT coalesce(bool_or(side = 'account' AND parent_id IS NOT NULL), false) AS crm,
        coalesce(bool_or(side = 'customer' AND parent_id IS NOT NULL), false) AS erp
    FROM parties
)
SELECT said.account_id, account.name AS account_name, said.customer_id, in_erp, in_crm
FROM said_parents AS said
CROSS JOIN knows
JOIN parties AS account ON account.side = 'account' AND account.id = said.account_id
WHERE in_erp IS DISTINCT FROM in_crm
    AND (in_erp IS NOT NULL OR knows.erp)
    AND (in_crm IS NOT NULL OR knows.crm AND erp_parent_linked)
ORDER BY said.account_id;

-- name: drifted_links
-- ID08: what both sides say, and say differently. Countries only where both are codes; numbers of two registers never.
SELECT customer_id, account_id, customer.name, drift.crm, drift.erp
FROM identity_links
JOIN parties AS account ON account.side = 'account' AND account.id = account_id
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id
CROSS JOIN LATERAL (
    SELECT string_agg(what || ' ' || crm, ', ' ORDER BY what) AS crm,
        string_agg(what || ' ' || erp, ', ' ORDER BY what) AS erp
    FROM (
        SELECT 'country' AS what, account.country AS crm, customer.country AS erp
        WHERE length(account.country) = 2 AND length(customer.country) = 2
        UNION ALL
        SELECT 'currency', account.currency, customer.currency
        UNION ALL
        SELECT 'account', account.id18, customer.refers_to  -- one that is gone, else the link would be in question
        UNION ALL
        SELECT 'customer', account.refers_to, customer.id
        UNION ALL
        SELECT 'number ending', right(account.number, 4), right(customer.number, 4)
        WHERE account.number <> customer.number AND account.country = customer.country
            AND (account.scheme = customer.scheme OR NOT account.strong OR NOT customer.strong)
    ) AS said
    WHERE crm <> erp OR what = 'number ending'
) AS drift
WHERE drift.crm IS NOT NULL
ORDER BY customer_id;

-- name: loaded_sides
SELECT DISTINCT side FROM parties;
