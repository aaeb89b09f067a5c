-- Whose data was destroyed, of them nothing is sealed anew that can be opened, whatever their source says later.

CREATE INDEX ON vault.erasures (entity, native_id) WHERE approved_by IS NOT NULL;
