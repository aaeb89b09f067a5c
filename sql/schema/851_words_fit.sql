-- What people write about an act is read on a page, in a mail and in the audit log, and kept for good: it is short. What
-- programs write of a run is not theirs. Of what was written before nothing is said.
ALTER TABLE recon.break_proposals ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE recon.break_approvals ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE recon.break_events ADD CONSTRAINT words_fit
CHECK (actor_kind <> 'person' OR length(reason) <= 2000) NOT VALID;
ALTER TABLE delivery.acts ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE delivery.replays ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE delivery.replay_approvals ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE delivery.replay_ends ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE ops.switches ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE ops.promotions ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE ops.histories ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE parity.accepted_differences ADD CONSTRAINT words_fit
CHECK (length(reason) <= 2000 AND length(owner) <= 200) NOT VALID;
ALTER TABLE parity.sign_offs ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
ALTER TABLE parity.drills ADD CONSTRAINT words_fit CHECK (length(found) <= 2000) NOT VALID;
ALTER TABLE vault.erasures ADD CONSTRAINT words_fit CHECK (length(reason) <= 2000) NOT VALID;
