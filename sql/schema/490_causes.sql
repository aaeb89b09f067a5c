-- Which hint a message was decided for, where it was decided for one: from an event to its effect and back.
-- No foreign key: whoever decides must not wait for who is taking hints.
ALTER TABLE delivery.outbox ADD COLUMN hint_id bigint;
