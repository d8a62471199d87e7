-- What the host has done of what was taken away or given back.

-- One row while systems of the host's own follow; none while the host asks us.
CREATE TABLE access_store (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    name  text NOT NULL,
    since timestamptz NOT NULL
);

-- What a customer's access is, by number, and up to which number the host has followed.
CREATE TABLE access_versions (
    customer_id     bigint PRIMARY KEY REFERENCES customers ON DELETE CASCADE,
    version         bigint NOT NULL CHECK (version > 0),
    changed_at      timestamptz NOT NULL,
    applied_version bigint NOT NULL DEFAULT 0 CHECK (applied_version >= 0),
    applied_at      timestamptz,
    behind_since    timestamptz,
    CHECK (applied_version <= version),
    CHECK ((applied_version = 0) = (applied_at IS NULL)),
    CHECK ((applied_version = version) = (behind_since IS NULL))
);
CREATE INDEX access_versions_behind ON access_versions (behind_since)
    WHERE behind_since IS NOT NULL;

-- What was lifted before anybody followed has no such instant, and waits for nobody.
ALTER TABLE restrictions ADD COLUMN undone_at timestamptz CHECK (undone_at >= lifted_at);
CREATE INDEX restrictions_undoing ON restrictions (customer_id)
    WHERE lifted_at IS NOT NULL AND undone_at IS NULL;
