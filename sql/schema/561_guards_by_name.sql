-- Which triggers should be there says sql/checks/guards_are_there.sql, all of them, where no one who changes this database
-- reaches it; so no function here says it.

DROP FUNCTION ops.guards_missing();
