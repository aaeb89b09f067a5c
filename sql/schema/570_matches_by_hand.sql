-- What people matched and a run carried out, found without the rules' matches: the page of matches asks which decisions wait.
CREATE INDEX matches_by_hand ON recon.matches (run_id, recon, side_a_id, side_b_id) WHERE rule = 'manual' AND state = 'posted';
