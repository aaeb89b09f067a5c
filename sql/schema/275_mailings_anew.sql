-- A mail that waits is rendered anew when its recipient answers for another part of the books, and only then.
CREATE OR REPLACE FUNCTION recon.keep_what_was_mailed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.state = 'sent' OR (
        (old.subject, old.html, old.plain) <> (new.subject, new.html, new.plain)
        AND (old.scope, old.locale) = (new.scope, new.locale)
    ) THEN
        RAISE EXCEPTION 'a mail to % is decided: it is sent once and does not change', old.recipient;
    END IF;
    RETURN new;
END $$;
