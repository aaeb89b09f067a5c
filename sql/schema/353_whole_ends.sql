-- Which of a task's mapped instances failed: another one that ends well is not its end. And what is asked every few minutes.

ALTER TABLE ops.task_ends ADD COLUMN failed_map integer NOT NULL DEFAULT -1;
CREATE INDEX sweeps_by_time ON ops.sweeps (swept_at);
