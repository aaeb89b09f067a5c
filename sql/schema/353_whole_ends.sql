-- What the watch asks every few minutes, and tells apart.

-- What failed and has not ended well since, each mapped instance of each run apart.
CREATE TABLE ops.task_failures (
    dag_id text NOT NULL,
    task_id text NOT NULL,
    run text NOT NULL,
    map_index integer NOT NULL,        -- -1 where the task is not mapped
    run_at timestamptz NOT NULL,       -- which run is later: its logical date, or else when it was asked for
    failed_at timestamptz NOT NULL,
    error text NOT NULL,               -- the kind of error, never its message
    PRIMARY KEY (dag_id, task_id, run, map_index)
);
INSERT INTO ops.task_failures (dag_id, task_id, run, map_index, run_at, failed_at, error)
SELECT dag_id, task_id, failed_run, -1, failed_at, failed_at, error FROM ops.task_ends
WHERE failed_at > coalesce(succeeded_at, '-infinity');

ALTER TABLE ops.task_ends DROP COLUMN failed_at, DROP COLUMN failed_run, DROP COLUMN error;

-- When the newest of what a kind counts came; NULL where a kind does not say.
ALTER TABLE ops.alerts ADD COLUMN newest_at timestamptz;

-- Of each day the run that counts.
CREATE VIEW recon.newest_runs AS
SELECT DISTINCT ON (as_of) run_id, as_of, state, computed_at, published_at FROM recon.runs ORDER BY as_of DESC, computed_at DESC;

CREATE INDEX sweeps_by_time ON ops.sweeps (swept_at);
