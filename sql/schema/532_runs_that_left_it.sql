-- Which of Airflow's runs left it: whoever connects from a task says so, and rows keep it by themselves.

CREATE FUNCTION ops.our_run() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT coalesce(current_setting('tieout.dag_run', true), '')
$$;
CREATE FUNCTION ops.our_dag() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT CASE WHEN ops.our_run() = '' THEN '' ELSE coalesce(current_setting('tieout.actor', true), '') END
$$;

-- Of rows from before nobody knows it.
ALTER TABLE ops.proofs ADD COLUMN dag_id text NOT NULL DEFAULT '', ADD COLUMN dag_run text NOT NULL DEFAULT '';
ALTER TABLE ops.proofs ALTER COLUMN dag_id SET DEFAULT ops.our_dag(), ALTER COLUMN dag_run SET DEFAULT ops.our_run();
ALTER TABLE ops.shapes ADD COLUMN dag_id text NOT NULL DEFAULT '', ADD COLUMN dag_run text NOT NULL DEFAULT '';
ALTER TABLE ops.shapes ALTER COLUMN dag_id SET DEFAULT ops.our_dag(), ALTER COLUMN dag_run SET DEFAULT ops.our_run();
ALTER TABLE ops.sweeps ADD COLUMN dag_id text NOT NULL DEFAULT '', ADD COLUMN dag_run text NOT NULL DEFAULT '';
ALTER TABLE ops.sweeps ALTER COLUMN dag_id SET DEFAULT ops.our_dag(), ALTER COLUMN dag_run SET DEFAULT ops.our_run();
ALTER TABLE ops.batches ADD COLUMN dag_id text NOT NULL DEFAULT '', ADD COLUMN dag_run text NOT NULL DEFAULT '';
ALTER TABLE ops.batches ALTER COLUMN dag_id SET DEFAULT ops.our_dag(), ALTER COLUMN dag_run SET DEFAULT ops.our_run();
ALTER TABLE ops.api_budgets ADD COLUMN dag_id text NOT NULL DEFAULT '', ADD COLUMN dag_run text NOT NULL DEFAULT '';
ALTER TABLE ops.api_budgets ALTER COLUMN dag_id SET DEFAULT ops.our_dag(), ALTER COLUMN dag_run SET DEFAULT ops.our_run();
