-- What somebody must be told at once: alerts while they last, who was told what, and the marks that say whether work is done.

-- One fact that lasts, such as "these breaks are past their service level". Seen anew each time somebody looks; over when it
-- has not been seen for a while.
CREATE TABLE ops.alerts (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    about text COLLATE "C" NOT NULL,  -- of what it is true: a flow, a reason code, a system
    severity text NOT NULL CHECK (severity IN ('S1', 'S2', 'S3', 'S4')),
    since timestamptz NOT NULL,       -- of the fact, not of our seeing it
    count bigint NOT NULL,
    amounts jsonb NOT NULL,           -- currency -> minor units
    ids text[] NOT NULL,              -- of ours, the largest few; never a name
    dag_id text NOT NULL,
    dag_run text NOT NULL,
    detail jsonb NOT NULL,
    raised_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    over_at timestamptz,
    CHECK (raised_at <= seen_at AND (over_at IS NULL OR seen_at <= over_at))
);
-- A fact has one alert while it lasts.
CREATE UNIQUE INDEX ON ops.alerts (kind, about) WHERE over_at IS NULL;
CREATE INDEX ON ops.alerts (over_at) WHERE over_at IS NOT NULL;

-- How it goes with each channel. Whoever sends has it until busy_until, and says so with the fence when done.
CREATE TABLE ops.alert_channels (
    channel text PRIMARY KEY CHECK (channel IN ('slack', 'mail')),
    fence bigint NOT NULL DEFAULT 0,
    busy_until timestamptz NOT NULL DEFAULT '-infinity',
    next_at timestamptz NOT NULL DEFAULT '-infinity',
    failures integer NOT NULL DEFAULT 0,  -- since the last that got through
    failing_since timestamptz,
    sent_at timestamptz,
    detail text NOT NULL DEFAULT '',
    CHECK ((failing_since IS NULL) = (failures = 0))
);

-- One message on one channel, in the words it is said in: said again, it says the same.
CREATE TABLE ops.bulletins (
    bulletin_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL REFERENCES ops.alert_channels,
    subject text NOT NULL,
    entries jsonb NOT NULL,
    state text NOT NULL DEFAULT 'called' CHECK (state IN (
        'called',     -- on its way, or whoever sent it died: said again, under its key
        'uncertain',  -- handed over and the answer lost: the same
        'sent',
        'dropped'     -- surely not taken; what is still true then is said by the next one
    )),
    attempts integer NOT NULL DEFAULT 0,
    detail text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    sent_at timestamptz,
    CHECK ((sent_at IS NOT NULL) = (state = 'sent'))
);
CREATE UNIQUE INDEX ON ops.bulletins (channel) WHERE state IN ('called', 'uncertain');

-- What a bulletin says of which alert.
CREATE TABLE ops.tellings (
    bulletin_id bigint NOT NULL REFERENCES ops.bulletins,
    alert_id bigint NOT NULL REFERENCES ops.alerts,
    says text NOT NULL CHECK (says IN (
        'raised',
        'worse',  -- its severity rose since
        'again',  -- it lasts, and was told long ago
        'over'
    )),
    severity text NOT NULL CHECK (severity IN ('S1', 'S2', 'S3', 'S4')),
    PRIMARY KEY (bulletin_id, alert_id)
);
CREATE INDEX ON ops.tellings (alert_id, bulletin_id);

CREATE FUNCTION ops.keep_what_was_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.state IN ('sent', 'dropped') OR (old.subject, old.entries, old.channel) <> (new.subject, new.entries, new.channel) THEN
        RAISE EXCEPTION 'bulletin % is decided: it does not change', old.bulletin_id;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER bulletins_stay BEFORE UPDATE ON ops.bulletins
FOR EACH ROW EXECUTE FUNCTION ops.keep_what_was_said();

-- How each task of a DAG last ended. A task that was killed says nothing, and is missed by what it did not leave behind.
CREATE TABLE ops.task_ends (
    dag_id text NOT NULL,
    task_id text NOT NULL,
    succeeded_at timestamptz,
    failed_at timestamptz,
    failed_run text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',  -- the kind of error, never its message
    PRIMARY KEY (dag_id, task_id)
);

-- Whoever watches the others leaves a beat.
CREATE TABLE ops.beats (
    flow text PRIMARY KEY,
    first_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL
);

-- What a system last said of the calls we may make in a day.
CREATE TABLE ops.api_budgets (
    system text PRIMARY KEY,
    used bigint NOT NULL,
    allowed bigint NOT NULL,
    noted_at timestamptz NOT NULL
);

-- Of a source that tells us by webhook: what it told, what was refused at the door, what only a glance found.
CREATE TABLE ops.hearing (
    source text PRIMARY KEY,
    kept_at timestamptz,
    refused_since timestamptz,               -- the first refused after the last that was kept
    refused_count bigint NOT NULL DEFAULT 0,
    glanced_since timestamptz,               -- the first that only a glance found, after the last that was kept
    glanced_count bigint NOT NULL DEFAULT 0
);
