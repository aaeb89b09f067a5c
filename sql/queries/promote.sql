-- What was promoted, and what its gates ask of the database.

-- name: environment_here
-- Which environment worked on this database last, and since when.
SELECT environment, since FROM ops.runs_as;

-- name: promotions_alone
-- One promotion after the other: each follows the one that its gates were asked about.
SELECT pg_advisory_xact_lock(hashtext('promotions'));

-- name: last_promotion
SELECT promotion_id, release_sha256, code_sha256, rules_sha256, schema_sha256, commit_id, approver_id, promoted_at
FROM ops.promotions WHERE environment = %(environment)s ORDER BY promotion_id DESC LIMIT 1;

-- name: promotion_of
SELECT promotion_id, approver_id, promoted_at FROM ops.promotions
WHERE environment = %(environment)s AND release_sha256 = %(release_sha256)s ORDER BY promotion_id DESC LIMIT 1;

-- name: keep_promotion
INSERT INTO ops.promotions
    (environment, code_sha256, rules_sha256, schema_sha256, commit_id, author_ids, approver, reason, gates, radius_id)
VALUES (%(environment)s, %(code_sha256)s, %(rules_sha256)s, %(schema_sha256)s, %(commit_id)s, %(author_ids)s::text[],
    %(approver)s, %(reason)s, %(gates)s::jsonb -> 'gates', %(radius_id)s)
RETURNING promotion_id, release_sha256;

-- name: promotions
SELECT promotion_id, environment, release_sha256, rules_sha256, commit_id, author_ids, approver_id AS approver, reason,
    gates, promoted_at
FROM ops.promotions ORDER BY promotion_id DESC LIMIT %(limit)s;
