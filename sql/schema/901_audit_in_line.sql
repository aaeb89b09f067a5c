-- What of an update of messages is told, as before. What is the same for all rows is asked once, and the hashes are taken where
-- they stand: Postgres does not take a function apart that promises more than what it calls, and runs it for each row.
CREATE OR REPLACE FUNCTION audit.delivery_outbox_update() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO audit.events (login, actor, act, entity, why, before_sha256, after_sha256, run_id, op_key)
    SELECT (SELECT audit.login()), (SELECT audit.program()), 'message ' || added.state, added.subject,
        concat_ws(' ', added.kind, 'to', added.target, added.reason),
        encode(sha256(convert_to(
            concat_ws('|', gone.state, gone.body_sha256, coalesce(gone.remote_id, ''), gone.reason), 'UTF8')), 'hex'),
        encode(sha256(convert_to(
            concat_ws('|', added.state, added.body_sha256, coalesce(added.remote_id, ''), added.reason), 'UTF8')), 'hex'),
        '', added.key || '#' || added.revision
    FROM added JOIN gone USING (message_id)
    WHERE added.state <> gone.state AND added.state IN ('uncertain', 'confirmed', 'parked', 'superseded')
    ORDER BY message_id;
    RETURN NULL;
END $$;
