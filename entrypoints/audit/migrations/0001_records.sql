-- Audit records, in one chain a tenant. Columns that readers search by derive from the record, so
-- that they cannot say anything else than what the chain covers.
CREATE TABLE records (
  chain_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  received_at TEXT NOT NULL,
  message_id TEXT NOT NULL,
  record TEXT NOT NULL,
  link TEXT NOT NULL,
  sequence INTEGER GENERATED ALWAYS AS (json_extract(record, '$.chain.sequence')) VIRTUAL,
  trace_id TEXT GENERATED ALWAYS AS (json_extract(record, '$.traceId')) VIRTUAL,
  at TEXT GENERATED ALWAYS AS (json_extract(record, '$.at')) VIRTUAL,
  PRIMARY KEY (chain_id, position)
);
CREATE UNIQUE INDEX records_sequence ON records (chain_id, sequence) WHERE sequence IS NOT NULL;
CREATE UNIQUE INDEX records_message ON records (chain_id, message_id);
CREATE INDEX records_trace ON records (trace_id);
CREATE INDEX records_at ON records (chain_id, at);

-- The last record of each chain, and the last one that retention has deleted.
CREATE TABLE chains (
  chain_id TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  link_hash TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  hash TEXT NOT NULL,
  cut_position INTEGER NOT NULL DEFAULT 0,
  cut_link_hash TEXT NOT NULL DEFAULT '',
  cut_sequence INTEGER NOT NULL DEFAULT 0,
  cut_hash TEXT NOT NULL DEFAULT ''
);

-- Numbers of the gateway's that have not arrived, below one that has. A gap closes when they do.
CREATE VIEW gaps AS
SELECT chain_id, before + 1 AS first, sequence - 1 AS last FROM (
  SELECT r.chain_id, r.sequence,
    coalesce(lag(r.sequence) OVER (PARTITION BY r.chain_id ORDER BY r.sequence), c.cut_sequence) AS before
  FROM records r JOIN chains c ON c.chain_id = r.chain_id
  WHERE r.sequence > c.cut_sequence
) WHERE sequence > before + 1;

CREATE TABLE checkpoints (
  chain_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  hash TEXT NOT NULL,
  checkpoint TEXT NOT NULL,
  PRIMARY KEY (chain_id, sequence, hash)
);

-- Messages that are no records, and records that do not fit what is stored: evidence.
CREATE TABLE rejected (
  message_id TEXT PRIMARY KEY,
  received_at TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL
);
