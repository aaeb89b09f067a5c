-- A page is received at once. (A default that differs row by row would have COPY write row by row.)
ALTER TABLE raw.records ALTER COLUMN received_at SET DEFAULT now();
