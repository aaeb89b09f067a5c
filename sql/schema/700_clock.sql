-- Times are the database's own for whoever works here. A session's clock may be set by whose login may own the database
-- anyway, which tests do: nobody else dates a message, a run or a token earlier or later than it is.
CREATE OR REPLACE FUNCTION ops.clock() RETURNS timestamptz VOLATILE LANGUAGE sql BEGIN ATOMIC
    SELECT CASE
        WHEN nullif(pg_catalog.current_setting('tieout.clock', true), '') IS NULL THEN pg_catalog.clock_timestamp()
        WHEN pg_catalog.pg_has_role(session_user, pg_catalog.to_regrole('tieout_owner')::oid, 'MEMBER')
            THEN pg_catalog.current_setting('tieout.clock', true)::timestamptz
        ELSE pg_catalog.clock_timestamp()
    END;
END;
