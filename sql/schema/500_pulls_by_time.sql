-- Whether anything of an entity was asked for later than a page that is about to be kept.
CREATE INDEX ON ops.pulls (system, entity, pulled_at);
