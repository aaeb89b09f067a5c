-- What an order is billed, period by period and in advance, as it was when the order was made.

CREATE TABLE delivery.schedule_lines (
    order_id text COLLATE "C" NOT NULL,
    line integer NOT NULL CHECK (line > 0),
    opportunity_id text COLLATE "C" NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL CHECK (period_end > period_start),  -- the first day of the next
    amount numeric NOT NULL,                                     -- major units of the order's currency, net
    decided_at timestamptz,                                      -- when its invoice was decided
    PRIMARY KEY (order_id, line)
);
CREATE INDEX ON delivery.schedule_lines (period_start) WHERE decided_at IS NULL;
