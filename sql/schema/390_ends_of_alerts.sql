-- How an alert ended, and which of Airflow's runs began with a day.

-- What ended because it grew too old to be looked at is not mended, and nobody is told that it is.
ALTER TABLE ops.alerts ADD COLUMN mended boolean;
UPDATE ops.alerts SET mended = true WHERE over_at IS NOT NULL;
ALTER TABLE ops.alerts ADD CONSTRAINT ends_mended_or_not CHECK ((mended IS NULL) = (over_at IS NULL));

ALTER TABLE ops.tellings DROP CONSTRAINT tellings_says_check;
ALTER TABLE ops.tellings ADD CONSTRAINT tellings_says_check CHECK (says IN (
    'raised',
    'worse',     -- its severity rose since, or there is much more of it
    'again',     -- it lasts, and was told long ago
    'over',      -- its cause is gone
    'unwatched'  -- it is so still, and too old to be looked at
));

CREATE TABLE ops.day_runs (
    as_of date NOT NULL,
    dag_run text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT ops.clock(),
    PRIMARY KEY (as_of, dag_run)
);

CREATE INDEX sweeps_that_repaired ON ops.sweeps (system, entity, swept_at) WHERE repaired_count > 0;
CREATE INDEX sweeps_of_an_entity ON ops.sweeps (system, entity, swept_at DESC) WHERE repaired_count = 0;
