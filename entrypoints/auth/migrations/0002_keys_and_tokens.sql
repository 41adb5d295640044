-- The environment of a key, as in its prefix: `sb_live_` or `sb_test_`.
ALTER TABLE api_keys ADD COLUMN environment TEXT NOT NULL DEFAULT 'live' CHECK (environment IN ('live', 'test'));

-- Identity tokens of calls that change something: each is accepted once. A row is deleted after its
-- token has expired.
CREATE TABLE used_tokens (
  token_id TEXT NOT NULL PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX used_tokens_expiry ON used_tokens (expires_at);
