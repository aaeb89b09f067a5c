-- What two systems' spellings of one text have in common.

-- Letters and digits without accents, case, spaces and punctuation; null when nothing is left. Only ASCII has its case
-- folded, so letters of other scripts that have case are left out: the same answer whatever the database's locale.
-- A text cut short has a key that is the start of the whole one's.
CREATE FUNCTION recon.text_key(words text) RETURNS text IMMUTABLE PARALLEL SAFE
RETURN nullif(
    regexp_replace(upper(normalize(words, NFKD) COLLATE "C"), '[^0-9A-Z\u0590-\uFFFF]', '', 'g'), ''
);
