-- Whose data was destroyed, of them nothing is sealed anew that can be opened, whatever their source says later. And who
-- receives values seals them, and reads none.

CREATE INDEX ON vault.erasures (entity, native_id) WHERE approved_by IS NOT NULL;

ALTER FUNCTION ops.privileges(text, name, name, boolean, boolean) RENAME TO privileges_but_for_sealed;

CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN role = 'tieout_ingest' AND held = 'vault' AND tab <> 'tokens'
            THEN CASE tab WHEN 'sealed' THEN 'INSERT' ELSE 'SELECT' END
        ELSE ops.privileges_but_for_sealed(role, held, tab, changes => changes, removals => removals) END
$$;

DO $$ BEGIN
    IF to_regrole('tieout_ingest') IS NOT NULL THEN
        REVOKE SELECT ON vault.sealed FROM tieout_ingest;
        REVOKE INSERT ON vault.openings FROM tieout_ingest;
    END IF;
END $$;
