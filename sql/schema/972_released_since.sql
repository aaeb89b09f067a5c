-- What can be read since a batch, found without looking at all that ever could not.
CREATE INDEX ON canonical.quarantine (released_in) WHERE released_in IS NOT NULL;
