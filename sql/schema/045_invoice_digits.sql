-- Payers shorten an invoice's number: `Invoice no. 2025-00123` and `INV202500123` mean INV-2025-00123.

ALTER TABLE canonical.invoices ADD COLUMN number_digits text[] NOT NULL DEFAULT '{}';

UPDATE canonical.invoices SET number_digits = ARRAY(
    SELECT DISTINCT key FROM unnest(ARRAY[
        trim(BOTH '|' FROM regexp_replace(number_key, '[^0-9|]+\|?', '', 'g')),
        ltrim(regexp_replace(number, '[^0-9]', '', 'g'), '0')
    ]) AS key
    WHERE length(replace(key, '|', '')) >= 5 AND key <> number_key ORDER BY key
);
