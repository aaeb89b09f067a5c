-- A pair of records that are one company moves no money, and where neither record names a currency it has none.
ALTER TABLE recon.matches ALTER COLUMN currency DROP NOT NULL;
