-- What decides whether a card may be tried again and whether an invoice may be asked for.

ALTER TABLE canonical.attempts
    ADD COLUMN network_code text,   -- the issuer's own, such as 51
    ADD COLUMN advice_code text,    -- what the scheme advises, such as MAC03
    ADD COLUMN scheme text,
    ADD COLUMN card text;           -- one card, whatever it paid: no number of it
CREATE INDEX ON canonical.attempts (card, occurred_at) WHERE superseded_in IS NULL AND card IS NOT NULL;
ALTER TABLE canonical.invoices ADD COLUMN promised_until date;
ALTER TABLE canonical.customers ADD COLUMN legal_hold boolean;
