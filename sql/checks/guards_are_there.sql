-- Rows: what no trigger keeps, or tells the audit log, any more.
SELECT * FROM ops.guards_missing()
