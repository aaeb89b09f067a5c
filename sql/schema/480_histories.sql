-- Which server and timeline of it this database lives on. After the first, each new one means that it was restored, or that
-- a standby took over: what was done last may be missing here though other systems were told of it. Until `doubt` is over,
-- effects are looked for at their targets before they are sent.

CREATE TABLE ops.histories (
    history_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server text NOT NULL,    -- pg_control_system()'s system identifier
    timeline text NOT NULL,  -- as in the names of WAL files
    noted_by text COLLATE "C" CHECK (recon.is_person(noted_by)),  -- NULL: noticed by whoever delivers
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    doubted boolean NOT NULL,
    since timestamptz NOT NULL DEFAULT ops.clock()
);
CREATE UNIQUE INDEX histories_are_noticed_once ON ops.histories (server, timeline) WHERE noted_by IS NULL;

CREATE TRIGGER histories_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.histories
FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();

CALL audit.watch('ops.histories', 'INSERT', $told$
    SELECT coalesce(noted_by, audit.program()), CASE WHEN doubted THEN 'restore noted' ELSE 'server noted' END, 'database', reason, '',
        ops.sha256_of(to_jsonb(added)::text), '', 'history ' || history_no
    FROM added ORDER BY history_no $told$);
