-- Which environment works on this database: what sends says so as it begins. A promotion asks, so that what is meant for one
-- is not kept where another runs.
CREATE TABLE ops.runs_as (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    environment text NOT NULL,
    since timestamptz NOT NULL DEFAULT ops.clock()
);
