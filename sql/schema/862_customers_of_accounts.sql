-- Which customers name an account is looked up for each deal of which something is missing.
CREATE INDEX customers_account_idx ON canonical.customers (crm_account_id)
WHERE superseded_in IS NULL AND crm_account_id IS NOT NULL;
