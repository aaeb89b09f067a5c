-- What somebody did, found by who it was: whoever acted is known, and the audit page asks for one person's acts.
CREATE INDEX break_events_by_actor ON recon.break_events (actor_id, happened_at) WHERE actor_kind <> 'run';
