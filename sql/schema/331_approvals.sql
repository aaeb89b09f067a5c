-- Approvals asked for in Airflow: each proposal that waits for a checker is a task there that waits for an answer.

-- What the console let people do when they last looked at it. Who answers in Airflow must have the same permission.
CREATE TABLE ops.console_people (
    person text COLLATE "C" PRIMARY KEY CHECK (recon.is_person(person)),
    may text[] NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row a question: a proposal, as far as it was approved when it was asked about.
CREATE TABLE recon.approval_asks (
    ask_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    break_id uuid NOT NULL,
    proposal_no integer NOT NULL,
    asked_in text NOT NULL,         -- the run of the DAG
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    looked_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- the task that waits looks now and then
    closed_at timestamptz,
    outcome text CHECK (outcome IN (
        'approved',   -- by the answer
        'sent back',  -- by the answer
        'refused',    -- the answer was not possible: it is asked again, with why
        'elsewhere',  -- somebody decided it in the console, or it lapsed
        'unanswered'  -- nobody waits for it any more: it is asked again
    )),
    answered_by text,
    words text,
    FOREIGN KEY (break_id, proposal_no) REFERENCES recon.break_proposals (break_id, proposal_no),
    CHECK ((closed_at IS NULL) = (outcome IS NULL)),
    CHECK (outcome IS NULL OR (answered_by IS NOT NULL) = (outcome IN ('approved', 'sent back', 'refused')))
);
CREATE UNIQUE INDEX a_proposal_is_asked_about_once_at_a_time ON recon.approval_asks (break_id, proposal_no)
WHERE closed_at IS NULL;
CREATE INDEX ON recon.approval_asks (break_id, proposal_no, ask_no);
