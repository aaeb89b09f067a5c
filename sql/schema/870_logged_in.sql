-- Beside who Postgres knows it was: who was logged in at the machine, as the command line says (tieout.os_login). One who
-- writes under two names is seen by it; who has the database's login can say anything there.

CREATE FUNCTION audit.login() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT session_user || coalesce(' for ' || left(nullif(current_setting('tieout.os_login', true), ''), 64), '')
$$;
ALTER TABLE audit.events ALTER login SET DEFAULT audit.login();
