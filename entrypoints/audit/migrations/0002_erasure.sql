-- The instant from which a chain keeps its records without the fields about a person. ISO 8601.
ALTER TABLE chains ADD COLUMN erased_at TEXT;

-- Identity tokens of calls that change something: each is accepted once. A row is deleted after its
-- token has expired. Times are seconds since the Unix epoch.
CREATE TABLE claimed_tokens (
  token_id TEXT NOT NULL PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX claimed_tokens_expiry ON claimed_tokens (expires_at);
