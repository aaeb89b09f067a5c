-- Rows: tokens that are held and of which the audit log does not tell that they came.
SELECT system, generation FROM vault.token_states AS held
WHERE generation > 0 AND NOT EXISTS (
    SELECT FROM audit.events
    WHERE entity = 'tokens/' || held.system AND op_key = 'generation ' || held.generation
        AND act IN ('token renewed', 'signed in')
)
