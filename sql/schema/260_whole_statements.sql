-- A foreign key is looked up row by row, though the rows of one statement name one run, one batch or one pull. The rows
-- of a statement are asked together instead, against the same tables: a result without its run is refused as before.

CREATE FUNCTION ops.refuse_strangers() RETURNS trigger LANGUAGE plpgsql AS $$
-- Arguments: the column, the table it points into, that table's key. The rows are those of the statement, as `added`.
DECLARE
    stranger text;
BEGIN
    EXECUTE format(
        'SELECT named.value::text FROM (SELECT DISTINCT %1$I AS value FROM added WHERE %1$I IS NOT NULL) AS named '
        'WHERE NOT EXISTS (SELECT FROM %2$s AS known WHERE known.%3$I = named.value) LIMIT 1',
        tg_argv[0], tg_argv[1], tg_argv[2]
    ) INTO stranger;
    IF stranger IS NOT NULL THEN
        RAISE foreign_key_violation USING MESSAGE =
            format('%I.%I: %s %s is not in %s', tg_table_schema, tg_table_name, tg_argv[0], stranger, tg_argv[1]);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ops.keep_what_is_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE foreign_key_violation USING MESSAGE =
        format('%I.%I: what other rows name stays; %s is refused', tg_table_schema, tg_table_name, tg_op);
END $$;

DO $$
DECLARE
    key record;
BEGIN
    FOR key IN
        SELECT conname, conrelid::regclass AS child, confrelid::regclass AS parent,
            child_column.attname AS child_column, parent_column.attname AS parent_column
        FROM pg_constraint
        JOIN pg_attribute AS child_column ON child_column.attrelid = conrelid AND child_column.attnum = conkey[1]
        JOIN pg_attribute AS parent_column ON parent_column.attrelid = confrelid AND parent_column.attnum = confkey[1]
        WHERE contype = 'f'
            AND (
                confrelid = 'ops.batches'::regclass AND conrelid::regclass::text LIKE 'canonical.%'
                OR confrelid = 'ops.pulls'::regclass AND conrelid = 'raw.records'::regclass
                OR confrelid = 'recon.runs'::regclass AND confdeltype = 'c'
            )
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', key.child, key.conname);
        EXECUTE format(
            'CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS added FOR EACH STATEMENT '
            'EXECUTE FUNCTION ops.refuse_strangers(%L, %L, %L)',
            key.child_column || '_is_known', key.child, key.child_column, key.parent, key.parent_column
        );
        EXECUTE format(
            'CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING NEW TABLE AS added FOR EACH STATEMENT '
            'EXECUTE FUNCTION ops.refuse_strangers(%L, %L, %L)',
            key.child_column || '_stays_known', key.child, key.child_column, key.parent, key.parent_column
        );
    END LOOP;
END $$;

-- Nothing ever removes a run, a batch or a pull; what a foreign key would have refused is refused whole.
CREATE TRIGGER runs_stay BEFORE DELETE OR TRUNCATE ON recon.runs
FOR EACH STATEMENT EXECUTE FUNCTION ops.keep_what_is_named();
CREATE TRIGGER batches_stay BEFORE DELETE OR TRUNCATE ON ops.batches
FOR EACH STATEMENT EXECUTE FUNCTION ops.keep_what_is_named();
CREATE TRIGGER pulls_stay BEFORE DELETE OR TRUNCATE ON ops.pulls
FOR EACH STATEMENT EXECUTE FUNCTION ops.keep_what_is_named();
