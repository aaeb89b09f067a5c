-- A match says on both sides what it moves: a payment in one currency can settle an invoice in another.

ALTER TABLE recon.matches
ADD COLUMN paid_currency char(3),  -- of side a, where it is money that settles side b
ADD COLUMN paid_minor bigint;

-- What a customer owes with all cash known to be theirs, also where it is not known which invoice the cash is for:
-- nobody is dunned for more than `owed_minor - unapplied_minor`.
CREATE TABLE recon.customer_balances (
    run_id uuid NOT NULL REFERENCES recon.runs ON DELETE CASCADE,
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    owed_minor numeric(38, 0) NOT NULL,       -- open on invoices
    unapplied_minor numeric(38, 0) NOT NULL,  -- cash and credit notes not applied to any invoice
    PRIMARY KEY (run_id, customer_id, currency)
);
