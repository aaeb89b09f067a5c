-- How much was told of an alert, so that it is told again when it grew.

ALTER TABLE ops.tellings
ADD COLUMN count bigint,   -- NULL: told before this was kept
ADD COLUMN amounts jsonb NOT NULL DEFAULT '{}';
