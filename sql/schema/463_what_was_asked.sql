-- The call that gave a page, as its system may be asked again: object or endpoint, window and place. Empty where it was read
-- before calls were kept.
ALTER TABLE ops.pulls ADD COLUMN request text NOT NULL DEFAULT '';
