-- What the lines of an invoice sold; upgrades that were withdrawn.

-- Prices of the lines that cost something, in their order; none where nobody has said.
ALTER TABLE invoices ADD COLUMN prices text[] NOT NULL DEFAULT '{}';
-- Every price that has been a subscription's own plan: its first item.
ALTER TABLE subscriptions ADD COLUMN plans text[] NOT NULL DEFAULT '{}';
UPDATE subscriptions SET plans = ARRAY[plan] WHERE plan IS NOT NULL;

-- Paid, and the money was taken back by a lost dispute: owed again.
CREATE INDEX invoices_charged_back ON invoices (customer_id) WHERE charged_back > 0;

-- An ended case keeps its end; only money that comes after all makes it one that was recovered.
DROP TRIGGER ends_once ON cases;
CREATE TRIGGER ends_once BEFORE UPDATE ON cases FOR EACH ROW
    WHEN (OLD.ending IS NOT NULL AND OLD.ending IS DISTINCT FROM NEW.ending
          AND NOT (NEW.ending IS NOT DISTINCT FROM 'recovered'
                   AND OLD.ending IN ('written_off', 'voluntary', 'superseded')))
    EXECUTE FUNCTION case_stays_ended();

-- Changes of plan that were not paid: the bill that is to be void, and how many there were.
ALTER TABLE invoices ADD COLUMN withdrawn_at timestamptz;
ALTER TABLE subscriptions ADD COLUMN upgrades_withdrawn integer CHECK (upgrades_withdrawn > 0);
CREATE INDEX invoices_upgrades ON invoices (customer_id)
    WHERE status = 'open' AND reason = 'subscription_update' AND withdrawn_at IS NULL;
