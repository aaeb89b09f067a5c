-- Currencies that ended lately: what is of a day before counts in them (include/domain/currencies.py).

INSERT INTO canonical.currencies (currency, exponent) VALUES ('ANG', 2), ('BGN', 2);
