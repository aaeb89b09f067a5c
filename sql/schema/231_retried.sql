-- With which code the rows in quarantine were last looked at: with another, what nobody could read may be read.

CREATE TABLE ops.retried (
    system text NOT NULL,
    entity text NOT NULL,
    reading_sha256 text NOT NULL,
    retried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (system, entity)
);
