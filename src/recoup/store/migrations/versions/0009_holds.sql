-- What people decided about a customer, by kind, until an instant.

ALTER TABLE holds
    ADD COLUMN kind text NOT NULL DEFAULT 'hold'
        CHECK (kind IN ('hold', 'promise', 'grace', 'exempt'));
