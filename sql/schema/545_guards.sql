-- A trigger that is dropped or switched off is noticed: `tieout doctor` and sql/checks ask for them.

-- What should write the audit log and no trigger lets it; what should be kept as it is and no trigger refuses to change.
CREATE FUNCTION ops.guards_missing() RETURNS SETOF text STABLE LANGUAGE sql AS $$
    SELECT 'what audit.' || proname || ' tells' FROM pg_proc
    WHERE pronamespace = 'audit'::regnamespace AND prosecdef AND prorettype = 'trigger'::regtype
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = pg_proc.oid AND tgenabled IN ('O', 'A'))
    UNION ALL
    SELECT tab || ' (' || guard || ')' FROM (VALUES
        ('audit.events', 'events_are_append_only'), ('audit.seals', 'seals_are_append_only'),
        ('raw.records', 'records_are_append_only'), ('raw.records', 'payloads_stay'),
        ('vault.openings', 'openings_are_append_only'), ('vault.sealed', 'values_stay'),
        ('vault.sealed', 'values_do_not_change'), ('vault.sealed', 'only_its_subjects_are_destroyed'),
        ('vault.sealed', 'nothing_is_destroyed_by_one'), ('vault.erasures', 'erasures_stay'),
        ('vault.erasures', 'erasures_are_decided_once'), ('vault.tokens', 'tokens_stay'),
        ('vault.tokens', 'tokens_follow_each_other'), ('delivery.attempts', 'attempts_are_append_only'),
        ('delivery.outbox', 'messages_stay'), ('delivery.outbox', 'messages_follow_the_steps'),
        ('delivery.outbox', 'messages_keep_their_words'), ('delivery.outbox', 'senders_tell_of_calls'),
        ('delivery.outbox', 'messages_begin_uncalled')
    ) AS wanted (tab, guard)
    WHERE NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = to_regclass(tab) AND tgname = guard AND tgenabled IN ('O', 'A')
    )
    UNION ALL
    SELECT tgrelid::regclass || ' (' || tgname || ')' FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND tgenabled NOT IN ('O', 'A') AND relnamespace::regnamespace::name IN (SELECT ops.our_schemas())
$$;
