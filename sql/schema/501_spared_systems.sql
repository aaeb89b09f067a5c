-- Who is left alone. A system that did not answer several times in a row is called by nobody for a while, then by one, who
-- finds out whether it is back. What may wait stays here while a system says that few of the day's calls are left.

CREATE TABLE ops.breakers (
    system text NOT NULL,
    part text NOT NULL CHECK (part IN (
        'effects',  -- what is sent to it
        'looks'     -- what it is asked about hints
    )),
    failures integer NOT NULL DEFAULT 0,             -- rounds in a row in which it answered nothing
    since timestamptz,                               -- the first of them
    open_until timestamptz NOT NULL DEFAULT '-infinity',
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (system, part),
    CHECK (failures >= 0 AND (failures = 0) = (since IS NULL))
);

ALTER TABLE ops.api_budgets ADD COLUMN puts_off text[] NOT NULL DEFAULT '{}';  -- kinds of messages that wait

-- Which kinds of messages wait for a system's next day of calls; what it said an hour ago is no reason any more.
CREATE FUNCTION ops.put_off(target text) RETURNS text[] STABLE LANGUAGE sql AS $$
    SELECT coalesce(
        (SELECT puts_off FROM ops.api_budgets WHERE system = target AND noted_at > ops.clock() - interval '1 hour'), '{}'
    )
$$;
