-- R1, account identity: what each record says of itself, what speaks for a pair, and the pairs nothing speaks against.
--
-- All tables here are temporary and belong to one run. A party is a record of either side: an account of the CRM or a
-- customer of the ERP. Texts are read by include/domain (names, numbers, hosts), each distinct text once.

-- name: create_salesforce_ids
-- Ids written in 15 characters, and what they are in 18.
CREATE TEMP TABLE salesforce_ids (
    given text COLLATE "C" PRIMARY KEY,
    id18 text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: short_salesforce_ids
SELECT id AS text FROM seen.accounts WHERE length(id) = 15
UNION
SELECT parent_id FROM seen.accounts WHERE length(parent_id) = 15
UNION
SELECT crm_account_id FROM seen.customers WHERE length(crm_account_id) = 15;

-- name: create_read_names
-- Names may be longer than an index can hold. Each is there once, because it was asked for so.
CREATE TEMP TABLE read_names (
    name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    legal_form text[] NOT NULL,
    hint text
) ON COMMIT DROP;

-- name: names_to_read
SELECT name AS text FROM seen.accounts
UNION
SELECT name FROM seen.customers;

-- name: create_read_numbers
-- As with names.
CREATE TEMP TABLE read_numbers (
    country text COLLATE "C" NOT NULL,
    written text COLLATE "C" NOT NULL,
    scheme text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    strong boolean NOT NULL
) ON COMMIT DROP;

-- name: numbers_to_read
SELECT coalesce(upper(trim(country)), '') AS country, tax_id AS written FROM seen.accounts WHERE tax_id IS NOT NULL
UNION
SELECT coalesce(upper(trim(country)), ''), tax_id FROM seen.customers WHERE tax_id IS NOT NULL;

-- name: analyse_read_texts
ANALYZE salesforce_ids, read_names, read_numbers;

-- name: create_parties
CREATE TEMP TABLE parties (
    side text NOT NULL CHECK (side IN ('account', 'customer')),
    id text COLLATE "C" NOT NULL,
    id18 text COLLATE "C" NOT NULL,       -- what others call it
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    legal_form text[] NOT NULL,
    hint text,
    country text COLLATE "C",
    currency char(3),
    number text COLLATE "C",              -- as written, but for spaces and signs
    scheme text COLLATE "C",
    entity text COLLATE "C",
    strong boolean NOT NULL,              -- proven by its check digit
    refers_to text COLLATE "C",           -- the record of the other side it names
    parent_id text COLLATE "C",
    readable boolean NOT NULL,            -- false: a newer version of it is in quarantine
    postable boolean NOT NULL,            -- false: no pass may link it
    PRIMARY KEY (side, id)
) ON COMMIT DROP;

-- name: fill_parties
INSERT INTO parties
SELECT record.side, record.id, coalesce(own.id18, record.id), record.name, read_names.key, read_names.legal_form,
    read_names.hint, record.country, record.currency, read_numbers.number, read_numbers.scheme, read_numbers.entity,
    coalesce(read_numbers.strong, false),
    coalesce(referred.id18, record.refers_to), coalesce(parent.id18, record.parent_id),
    coalesce(last_in <= record.recorded_in, true), coalesce(last_in <= record.recorded_in, true)
FROM (
    SELECT 'account' AS side, native_id AS id, name, upper(trim(country)) AS country, currency, tax_id,
        erp_customer_id AS refers_to, parent_id, recorded_in, 'accounts' AS entity
    FROM seen.accounts
    UNION ALL
    SELECT 'customer', native_id, name, upper(trim(country)), currency, tax_id, crm_account_id, parent_id, recorded_in, 'customers'
    FROM seen.customers
) AS record
JOIN read_names USING (name)
LEFT JOIN unread_rows AS unread ON unread.entity = record.entity AND unread.native_id = record.id
LEFT JOIN read_numbers
    ON read_numbers.country = coalesce(record.country, '') AND read_numbers.written = record.tax_id
LEFT JOIN salesforce_ids AS own ON record.side = 'account' AND own.given = record.id
LEFT JOIN salesforce_ids AS referred ON record.side = 'customer' AND referred.given = record.refers_to
LEFT JOIN salesforce_ids AS parent ON record.side = 'account' AND parent.given = record.parent_id;

-- name: forget_shared_numbers
-- A number that many carry is a placeholder or a mistake, and identifies none of them.
UPDATE parties SET number = NULL, scheme = NULL, entity = NULL, strong = false
FROM (
    SELECT side, scheme, entity FROM parties WHERE entity IS NOT NULL
    GROUP BY side, scheme, entity HAVING count(*) > %(bearers_max)s
) AS shared
WHERE shared.side = parties.side AND shared.scheme = parties.scheme AND shared.entity = parties.entity;

-- name: forget_branch_numbers
-- A record below another that has the very same number is a branch of it, and the number is its head's.
UPDATE parties SET number = NULL, scheme = NULL, entity = NULL, strong = false
FROM parties AS head
WHERE head.side = parties.side AND head.id18 = parties.parent_id AND head.id <> parties.id
    AND head.scheme = parties.scheme AND head.number = parties.number;

-- name: create_party_hosts
CREATE TEMP TABLE party_hosts (
    side text NOT NULL,
    id text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    UNIQUE (side, id, host)
) ON COMMIT DROP;

-- name: fill_party_hosts
-- The machines of websites and mail addresses: `https://www.acme.sg/about` and `ap@acme.sg` without what is around them.
INSERT INTO party_hosts
SELECT side, id, lower(host) FROM (
    SELECT 'account' AS side, native_id AS id,
        substring(website FROM '^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/@]*@)?([^/:?#[:space:]]+)') AS host
    FROM seen.accounts
    UNION
    SELECT 'account', parties.id, substring(email FROM '@([^@[:space:]>]+)[[:space:]]*>?[[:space:]]*$')
    FROM seen.contacts
    LEFT JOIN salesforce_ids ON given = account_id
    JOIN parties ON parties.side = 'account' AND parties.id18 = coalesce(salesforce_ids.id18, account_id)
    UNION
    SELECT 'customer', native_id, substring(email FROM '@([^@[:space:]>]+)[[:space:]]*>?[[:space:]]*$')
    FROM seen.customers
) AS named
WHERE length(host) <= 253 -- what is longer is no host (RFC 1035)
ON CONFLICT DO NOTHING;

-- name: create_read_hosts
CREATE TEMP TABLE read_hosts (
    host text COLLATE "C" PRIMARY KEY,
    domain text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: hosts_to_read
SELECT DISTINCT host AS text FROM party_hosts;

-- name: create_party_domains
CREATE TEMP TABLE party_domains (
    side text NOT NULL,
    id text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    PRIMARY KEY (side, id, domain)
) ON COMMIT DROP;

-- name: analyse_hosts
ANALYZE party_hosts, read_hosts;

-- name: fill_party_domains
INSERT INTO party_domains SELECT DISTINCT side, id, domain FROM party_hosts JOIN read_hosts USING (host);

-- name: analyse_parties
ANALYZE parties, party_domains;

-- name: create_same_numbers
-- Pairs with the same number; `exact` where not only the company's part is the same.
CREATE TEMP TABLE same_numbers (
    account_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    strong boolean NOT NULL,
    exact boolean NOT NULL,
    PRIMARY KEY (account_id, customer_id)
) ON COMMIT DROP;

-- name: fill_same_numbers
-- Numbers without a check digit count only under one name: they prove nothing, but may speak against another link.
INSERT INTO same_numbers
SELECT account.id, customer.id, account.strong, account.number = customer.number
FROM parties AS account
JOIN parties AS customer USING (scheme, entity, strong)
WHERE account.side = 'account' AND customer.side = 'customer'
    AND (account.strong OR account.name_key = customer.name_key);

-- name: create_same_names
-- Pairs of one name key, one registrable domain and one country, with nothing in their forms, hints and numbers between.
CREATE TEMP TABLE same_names (
    account_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, customer_id)
) ON COMMIT DROP;

-- name: fill_same_names
WITH bearers AS (
    SELECT party.side, party.id, name_key, country, domain,
        count(*) OVER (PARTITION BY party.side, name_key, country, domain) AS bearers
    FROM parties AS party
    JOIN party_domains USING (side, id)
    WHERE country IS NOT NULL
)
INSERT INTO same_names
SELECT DISTINCT account.id, customer.id
FROM bearers AS one
JOIN bearers AS other USING (name_key, country, domain)
JOIN parties AS account ON account.side = 'account' AND account.id = one.id
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = other.id
WHERE one.side = 'account' AND other.side = 'customer'
    AND one.bearers <= %(bearers_max)s AND other.bearers <= %(bearers_max)s
    AND (account.legal_form <@ customer.legal_form OR customer.legal_form <@ account.legal_form)
    AND (account.hint = customer.hint OR account.hint IS NULL OR customer.hint IS NULL)
    AND NOT coalesce(
        account.entity <> customer.entity
        AND (account.scheme = customer.scheme OR NOT account.strong OR NOT customer.strong), false
    );

-- name: create_cross_references
-- Pairs of which one record names the other.
CREATE TEMP TABLE cross_references (
    account_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    by_account boolean NOT NULL,
    by_customer boolean NOT NULL,
    against text CHECK (against IN (
        'other number',  -- both have a number proven by its check digit, and not the same
        'elsewhere',     -- the number of who says so, or of either where both have one, is that of a third record
        'doubt'          -- nothing else about the two agrees: their names, domains or numbers speak of others
    )),
    PRIMARY KEY (account_id, customer_id)
) ON COMMIT DROP;

-- name: fill_cross_references
INSERT INTO cross_references
SELECT account_id, customer_id, bool_or(by_account), bool_or(NOT by_account), NULL
FROM (
    SELECT account.id AS account_id, customer.id AS customer_id, true AS by_account
    FROM parties AS account JOIN parties AS customer ON customer.side = 'customer' AND customer.id = account.refers_to
    WHERE account.side = 'account'
    UNION ALL
    SELECT account.id, customer.id, false
    FROM parties AS customer JOIN parties AS account ON account.side = 'account' AND account.id18 = customer.refers_to
    WHERE customer.side = 'customer'
) AS said
GROUP BY account_id, customer_id;

-- name: analyse_pairs
ANALYZE same_numbers, same_names, cross_references;

-- name: contradict_cross_references
UPDATE cross_references AS said SET against = reason
FROM (
    SELECT account_id, customer_id, CASE
            WHEN account.strong AND customer.strong AND account.scheme = customer.scheme
                AND account.entity <> customer.entity THEN 'other number'
            WHEN (account.scheme, account.entity) IS DISTINCT FROM (customer.scheme, customer.entity)
                AND (
                    (by_account OR customer.entity IS NOT NULL)
                    AND account.id IN (SELECT same_numbers.account_id FROM same_numbers)
                    OR (by_customer OR account.entity IS NOT NULL)
                    AND customer.id IN (SELECT same_numbers.customer_id FROM same_numbers)
                ) THEN 'elsewhere'
            WHEN account.name_key <> customer.name_key AND NOT EXISTS (
                    SELECT FROM party_domains AS one JOIN party_domains AS other USING (domain)
                    WHERE one.side = 'account' AND one.id = account.id
                        AND other.side = 'customer' AND other.id = customer.id
                ) AND (
                    account.country = customer.country AND account.entity <> customer.entity
                    OR account.id IN (SELECT same_names.account_id FROM same_names)
                    OR customer.id IN (SELECT same_names.customer_id FROM same_names)
                ) THEN 'doubt'
        END AS reason
    FROM cross_references
    JOIN parties AS account ON account.side = 'account' AND account.id = account_id
    JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id
) AS judged
WHERE judged.account_id = said.account_id AND judged.customer_id = said.customer_id AND reason IS NOT NULL;

-- name: create_held_customers
-- Customers whose link contradicts a registered number: nothing is posted to them until someone has looked.
CREATE TEMP TABLE held_customers (
    customer_id text COLLATE "C" PRIMARY KEY,
    why text NOT NULL
) ON COMMIT DROP;

-- name: fill_held_customers
INSERT INTO held_customers
SELECT customer_id, 'linked to account ' || string_agg(account_id, ', ' ORDER BY account_id)
    || ', whose registered number is another'
FROM cross_references WHERE against IN ('other number', 'elsewhere')
GROUP BY customer_id;

-- name: refuse_contradicted
-- Neither a held customer is linked, nor an account that names a wrong customer; an account that is wrongly named may be.
UPDATE parties SET postable = false
WHERE (side, id) IN (
    SELECT 'customer', customer_id FROM held_customers
    UNION ALL
    SELECT 'account', account_id FROM cross_references WHERE against IN ('other number', 'elsewhere') AND by_account
);

-- name: create_alike_groups
-- Records of one side that seem to be one company twice.
CREATE TEMP TABLE alike_groups (
    side text NOT NULL,
    why text NOT NULL CHECK (why IN ('number', 'name')),
    grouped_by text[] NOT NULL,
    id text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: fill_alike_by_number
INSERT INTO alike_groups
SELECT side, 'number', ARRAY[scheme, number], id FROM (
    SELECT side, scheme, number, id, count(*) OVER (PARTITION BY side, scheme, number) AS size FROM parties WHERE strong
) AS counted
WHERE size BETWEEN 2 AND %(bearers_max)s;

-- name: fill_alike_by_name
-- Not where two of a group have different numbers, or one is the other's parent: then they are several on purpose.
INSERT INTO alike_groups
SELECT side, 'name', grouped_by, id FROM (
    SELECT party.side, party.id, parts.grouped_by, count(*) OVER same AS size,
        min(party.entity) OVER same IS NOT DISTINCT FROM max(party.entity) OVER same AS one_number,
        bool_or(parent.name_key = party.name_key) OVER same AS related
    FROM parties AS party
    JOIN party_domains USING (side, id)
    LEFT JOIN parties AS parent ON parent.side = party.side AND parent.id18 = party.parent_id
    CROSS JOIN LATERAL (
        SELECT ARRAY[domain, party.name_key, party.country, party.hint] || party.legal_form AS grouped_by
    ) AS parts
    WHERE party.country IS NOT NULL
    WINDOW same AS (PARTITION BY party.side, parts.grouped_by)
) AS counted
WHERE size BETWEEN 2 AND %(bearers_max)s AND one_number AND related IS NOT TRUE;

-- name: create_alike
-- The record that stands for a company, for each other record of it. `settled`: the other has no link and no business.
CREATE TEMP TABLE alike (
    side text NOT NULL,
    id text COLLATE "C" NOT NULL,
    standing_id text COLLATE "C" NOT NULL,
    why text NOT NULL,
    settled boolean NOT NULL,
    PRIMARY KEY (side, id)
) ON COMMIT DROP;

-- name: analyse_alike
ANALYZE alike_groups;

-- name: fill_alike
WITH business AS (
    SELECT 'customer' AS side, customer_id AS id FROM seen.invoices
    UNION
    SELECT 'customer', customer_id FROM seen.orders
    UNION
    SELECT 'customer', customer_id FROM seen.subscriptions
    UNION
    SELECT 'account', coalesce(id18, account_id) FROM seen.opportunities LEFT JOIN salesforce_ids ON given = account_id
    UNION
    SELECT 'account', coalesce(id18, account_id) FROM seen.contacts LEFT JOIN salesforce_ids ON given = account_id
),
referred AS (
    SELECT 'account' AS side, account_id AS id FROM cross_references WHERE against IS NULL
    UNION
    SELECT 'customer', customer_id FROM cross_references WHERE against IS NULL
),
members AS (
    -- Sets are asked by hash: joined, they were planned for one row and scanned for each.
    SELECT side, id, (side, id) IN (SELECT side, id FROM referred) AS referred,
        coalesce((side, id18) IN (SELECT side, id FROM business WHERE id IS NOT NULL), false) AS active
    FROM parties
    WHERE (side, id) IN (SELECT side, id FROM alike_groups)
),
ranked AS (
    SELECT side, why, id, referred OR active AS stands,
        first_value(id) OVER best AS standing_id,
        first_value(referred OR active) OVER best AS best_stands
    FROM alike_groups JOIN members USING (side, id)
    WINDOW best AS (PARTITION BY side, why, grouped_by ORDER BY referred DESC, active DESC, id)
)
INSERT INTO alike
SELECT side, id, (array_agg(standing_id ORDER BY why DESC, standing_id))[1], max(why), bool_and(best_stands AND NOT stands)
FROM ranked
WHERE standing_id <> id
GROUP BY side, id;

-- name: refuse_duplicates
UPDATE parties SET postable = false
FROM alike WHERE alike.settled AND alike.side = parties.side AND alike.id = parties.id;

-- name: forget_duplicates_numbers
-- What a settled duplicate shares with a company, the record standing for it shares too; it is no rival of it.
DELETE FROM same_numbers
WHERE account_id IN (SELECT id FROM alike WHERE side = 'account' AND settled)
    OR customer_id IN (SELECT id FROM alike WHERE side = 'customer' AND settled);

-- name: forget_duplicates_names
DELETE FROM same_names
WHERE account_id IN (SELECT id FROM alike WHERE side = 'account' AND settled)
    OR customer_id IN (SELECT id FROM alike WHERE side = 'customer' AND settled);

-- name: create_identity_links
-- The pairs that are one company: a record is in one at most.
CREATE TEMP TABLE identity_links (
    account_id text COLLATE "C" NOT NULL UNIQUE,
    customer_id text COLLATE "C" NOT NULL UNIQUE,
    rule text NOT NULL
) ON COMMIT DROP;

-- name: create_considered
-- Pairs that something speaks for; `plainly` where it does so more than for others.
CREATE TEMP TABLE considered (
    account_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    plainly boolean NOT NULL
) ON COMMIT DROP;

-- name: consider_numbers
-- The same whole number goes before the same company's part of it.
INSERT INTO considered SELECT account_id, customer_id, exact FROM same_numbers WHERE strong;

-- name: consider_cross_references
-- Records that name each other go before those of which only one names the other.
INSERT INTO considered
SELECT account_id, customer_id, by_account AND by_customer FROM cross_references WHERE against IS NULL;

-- name: link_considered
-- A pair that is considered plainly, or of records of which neither is in such a pair; and the only one of its kind.
WITH best AS (
    SELECT *, bool_or(plainly) OVER (PARTITION BY account_id) AS account_plain,
        bool_or(plainly) OVER (PARTITION BY customer_id) AS customer_plain
    FROM considered
),
counted AS (
    SELECT *, count(*) OVER (PARTITION BY account_id) AS customers, count(*) OVER (PARTITION BY customer_id) AS accounts
    FROM best
    WHERE plainly OR NOT account_plain AND NOT customer_plain
)
INSERT INTO identity_links
SELECT account_id, customer_id, %(rule)s FROM counted
JOIN parties AS account ON account.side = 'account' AND account.id = account_id AND account.postable
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id AND customer.postable
WHERE customers = 1 AND accounts = 1;

-- name: forget_considered
TRUNCATE considered;

-- name: link_by_name
-- Only where neither record names a third one.
WITH counted AS (
    SELECT *, count(*) OVER (PARTITION BY account_id) AS customers, count(*) OVER (PARTITION BY customer_id) AS accounts
    FROM same_names
)
INSERT INTO identity_links
SELECT account_id, customer_id, 'name_domain_country' FROM counted
JOIN parties AS account ON account.side = 'account' AND account.id = account_id AND account.postable
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id AND customer.postable
WHERE customers = 1 AND accounts = 1
    AND NOT EXISTS (
        SELECT FROM cross_references AS said
        WHERE said.account_id = counted.account_id AND said.customer_id <> counted.customer_id
            AND coalesce(against, 'doubt') = 'doubt'
    )
    AND NOT EXISTS (
        SELECT FROM cross_references AS said
        WHERE said.customer_id = counted.customer_id AND said.account_id <> counted.account_id
            AND coalesce(against, 'doubt') = 'doubt'
    );

-- name: remove_linked
UPDATE parties SET postable = false
WHERE postable AND (side, id) IN (
    SELECT 'account', account_id FROM identity_links UNION ALL SELECT 'customer', customer_id FROM identity_links
);

-- name: keep_identity_links
INSERT INTO recon.matches
SELECT %(run_id)s, recon.match_id('R1', account_id || '|' || customer_id),
    'R1', rule, 'account', account_id, 'customer', customer_id, coalesce(customer.currency, account.currency), 0, 0, '',
    'posted'
FROM identity_links
JOIN parties AS account ON account.side = 'account' AND account.id = account_id
JOIN parties AS customer ON customer.side = 'customer' AND customer.id = customer_id;
