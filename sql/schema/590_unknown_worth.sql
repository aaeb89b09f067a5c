-- Money of unknown worth might be large: it comes first, where what is worth most comes first. What is about no money, last.

ALTER TABLE recon.break_lives DROP COLUMN value_rank;  -- and with it the indexes that order by it
ALTER TABLE recon.break_lives
ADD COLUMN value_rank bigint NOT NULL GENERATED ALWAYS AS (
    CASE
        WHEN amount_sgd_minor IS NOT NULL THEN -abs(amount_sgd_minor)
        WHEN amount_minor <> 0 THEN -9223372036854775807
        ELSE 1
    END
) STORED;
CREATE INDEX ON recon.break_lives (is_open, severity, value_rank, break_id);
CREATE INDEX ON recon.break_lives (is_open, value_rank, break_id);
