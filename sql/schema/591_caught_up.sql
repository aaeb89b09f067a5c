-- Until when a channel has surely been told every end: of what ended before, nothing is asked again. One that was away for
-- longer than a week hears the ends of that time, too.

ALTER TABLE ops.alert_channels ADD COLUMN caught_up_at timestamptz NOT NULL DEFAULT '-infinity';
