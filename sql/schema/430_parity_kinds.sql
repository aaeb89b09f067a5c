-- What was compared of each kind, beside the day as a whole: the many rows of one kind hide nothing of another, and a kind
-- of which nothing was compared shows.
CREATE TABLE parity.kinds (
    day date NOT NULL,
    edition integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    ours_count bigint NOT NULL,
    theirs_count bigint NOT NULL,
    pairs_count bigint NOT NULL,  -- keys that both have
    PRIMARY KEY (day, edition, kind),
    FOREIGN KEY (day, edition) REFERENCES parity.days DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT no_more_pairs_than_rows CHECK (pairs_count <= least(ours_count, theirs_count))
);

INSERT INTO parity.kinds
SELECT day, edition, kind, ours_count, theirs_count, ours_count - (
    SELECT count(*) FROM parity.differences AS lone
    WHERE lone.day = told.day AND lone.edition = told.edition AND lone.kind = told.kind AND field = 'key'
        AND lone.theirs IS NULL
)
FROM (
    SELECT day, edition, kind, count(*) FILTER (WHERE path = 'ours') AS ours_count,
        count(*) FILTER (WHERE path = 'theirs') AS theirs_count
    FROM parity.answers GROUP BY day, edition, kind
) AS told;

CREATE TRIGGER kinds_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON parity.kinds
FOR EACH STATEMENT EXECUTE FUNCTION parity.refuse_change();

-- By the rules of its comparison which classes count against no figure; of an earlier day, what they were until now.
ALTER TABLE parity.days ADD COLUMN excused text[] NOT NULL DEFAULT '{timing,legacy_error}'
CONSTRAINT only_time_and_their_errors_are_excused CHECK (excused <@ '{timing,legacy_error}');
ALTER TABLE parity.days ALTER COLUMN excused SET DEFAULT '{}';
-- Which code compared it: other code may come to another verdict, and that is no re-run.
ALTER TABLE parity.days ADD COLUMN code_sha256 text NOT NULL DEFAULT '';
