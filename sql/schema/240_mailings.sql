-- What finance was told: every mail to every recipient once, and the editions beside the day's report.

-- The day's report as later facts restate it, and those of weeks and months. recon.reports holds the day's own.
CREATE TABLE recon.editions (
    run_id uuid NOT NULL REFERENCES recon.runs,
    edition text NOT NULL CHECK (edition IN (
        'restated',  -- the day as it was known then, beside what was learnt since
        'weekly',
        'month_end'
    )),
    as_of date NOT NULL,
    subject text NOT NULL,
    html text NOT NULL,
    plain text NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT ops.clock(),
    PRIMARY KEY (run_id, edition)
);
CREATE INDEX ON recon.editions (as_of);

-- One mail: what its recipient may see, in the words it was rendered in. The key makes its Message-ID, so that a mail
-- that is sent again because its fate is unknown is folded with the first by who reads it.
CREATE TABLE recon.mailings (
    run_id uuid NOT NULL REFERENCES recon.runs,
    edition text NOT NULL CHECK (edition IN ('daily', 'restated', 'weekly', 'month_end')),
    recipient text COLLATE "C" NOT NULL CHECK (recipient = lower(recipient)),
    address text NOT NULL,
    scope jsonb NOT NULL,  -- currencies, countries; null is all
    locale text NOT NULL,
    subject text NOT NULL,
    html text NOT NULL,
    plain text NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN (
        'queued',
        'called',     -- on its way, or whoever sent it died
        'uncertain',  -- handed over, and the answer lost: sent again under the same Message-ID
        'refused',    -- the server does not take it; tried again when the task is
        'sent'
    )),
    attempts integer NOT NULL DEFAULT 0,
    detail text NOT NULL DEFAULT '',
    kept_at timestamptz NOT NULL DEFAULT ops.clock(),
    sent_at timestamptz,
    PRIMARY KEY (run_id, edition, recipient),
    CHECK ((sent_at IS NOT NULL) = (state = 'sent'))
);

-- Every try and what came of it.
CREATE TABLE recon.mail_attempts (
    run_id uuid NOT NULL,
    edition text NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    attempt integer NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'retryable', 'refused', 'uncertain', 'fatal')),
    detail text NOT NULL,
    called_at timestamptz NOT NULL DEFAULT ops.clock(),
    FOREIGN KEY (run_id, edition, recipient) REFERENCES recon.mailings (run_id, edition, recipient)
);
CREATE INDEX ON recon.mail_attempts (run_id, edition, recipient);
CREATE TRIGGER mail_attempts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recon.mail_attempts
FOR EACH STATEMENT EXECUTE FUNCTION recon.refuse_change();

-- What was sent is not sent again, and says what it said. A mail that waits is rendered anew when its recipient answers for
-- another part of the books, and only then.
CREATE FUNCTION recon.keep_what_was_mailed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.state = 'sent' OR (
        (old.subject, old.html, old.plain) <> (new.subject, new.html, new.plain)
        AND (old.scope, old.locale) = (new.scope, new.locale)
    ) THEN
        RAISE EXCEPTION 'a mail to % is decided: it is sent once and does not change', old.recipient;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER mailings_stay BEFORE UPDATE ON recon.mailings
FOR EACH ROW EXECUTE FUNCTION recon.keep_what_was_mailed();
