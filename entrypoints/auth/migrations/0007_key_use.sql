-- The beginning of a key, by which its owner recognizes it, and its last use. NULL for keys of
-- before: neither is known.
ALTER TABLE api_keys ADD COLUMN prefix TEXT;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;
