-- Rows of a page that landing lost: kept as received, and afterwards neither canonical nor in quarantine. Counted once,
-- when the page lands, so that no run has to look at all pages again; sql/checks does.

ALTER TABLE ops.pulls ADD COLUMN lost_count bigint NOT NULL DEFAULT 0;
