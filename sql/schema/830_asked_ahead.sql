-- Since when a source works on the answer that a cursor stands in; NULL: the next page is asked for anew. What such an answer
-- says is as old as the question, however late its pages are read: a look in between is newer.
ALTER TABLE ops.cursors ADD COLUMN asked_at timestamptz;
