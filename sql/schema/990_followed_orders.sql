-- Up to when orders were looked through for what follows from them. However long everything stood still, what was confirmed
-- since is looked at.
CREATE TABLE delivery.followed (
    is_kept boolean PRIMARY KEY DEFAULT true CHECK (is_kept),
    until timestamptz NOT NULL
);
INSERT INTO delivery.followed (until) VALUES ('-infinity');
