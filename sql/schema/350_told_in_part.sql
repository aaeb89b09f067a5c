-- A bulletin that some of its readers have is sent; the others are owed it, and are tried again for a while.

ALTER TABLE ops.bulletins
ADD COLUMN reached text[] NOT NULL DEFAULT '{}',    -- who has it, as marks that are no addresses
ADD COLUMN owed boolean NOT NULL DEFAULT false,
ADD CONSTRAINT owed_by_who_has_begun CHECK (NOT owed OR state = 'sent');
CREATE INDEX ON ops.bulletins (channel, bulletin_id) WHERE owed;

-- What was said stays; who is still owed it may get it.
CREATE OR REPLACE FUNCTION ops.keep_what_was_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.state = 'dropped' OR (old.state = 'sent' AND NOT (
            old.owed AND new.state = 'sent' AND new.sent_at = old.sent_at AND new.reached @> old.reached
        )) OR (old.subject, old.entries, old.channel) <> (new.subject, new.entries, new.channel)
    THEN
        RAISE EXCEPTION 'bulletin % is decided: it does not change', old.bulletin_id;
    END IF;
    RETURN new;
END $$;
