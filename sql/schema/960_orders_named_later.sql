-- An order that names its deal, or a deal its order, only after one of its invoices was told.
CREATE INDEX orders_landed_idx ON canonical.orders (recorded_in, ('orders/' || native_id)) WHERE superseded_in IS NULL;
CREATE INDEX opportunities_landed_idx ON canonical.opportunities (recorded_in, ('opportunities/' || native_id))
WHERE superseded_in IS NULL AND erp_order_id IS NOT NULL;
