-- What the console's pages count and look for among many rows, found without the rest of them.

-- What people matched and a run carried out: the page of matches asks which decisions wait.
CREATE INDEX matches_by_hand ON recon.matches (run_id, recon, side_a_id, side_b_id) WHERE rule = 'manual' AND state = 'posted';

-- Open breaks by desk and age. Today and Ageing count all of them, from the index alone.
CREATE INDEX lives_at_desks ON recon.break_lives (since_on, severity) INCLUDE (owner, state, assignee, amount_sgd_minor)
WHERE is_open;
