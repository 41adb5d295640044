-- Better Auth's tables, as its `getMigrations(...).compileMigrations()` generates them for
-- `authOptions` (a test compares the two). Dates are ISO 8601 text.
CREATE TABLE "user" (
  "id" text NOT NULL PRIMARY KEY,
  "name" text NOT NULL,
  "email" text NOT NULL UNIQUE,
  "emailVerified" integer NOT NULL,
  "image" text,
  "createdAt" date NOT NULL,
  "updatedAt" date NOT NULL,
  "disabledAt" date,
  "sessionVersion" integer NOT NULL
);

CREATE TABLE "session" (
  "id" text NOT NULL PRIMARY KEY,
  "expiresAt" date NOT NULL,
  "token" text NOT NULL UNIQUE,
  "createdAt" date NOT NULL,
  "updatedAt" date NOT NULL,
  "ipAddress" text,
  "userAgent" text,
  "userId" text NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE
);
CREATE INDEX "session_userId_idx" ON "session" ("userId");

CREATE TABLE "account" (
  "id" text NOT NULL PRIMARY KEY,
  "accountId" text NOT NULL,
  "providerId" text NOT NULL,
  "userId" text NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
  "accessToken" text,
  "refreshToken" text,
  "idToken" text,
  "accessTokenExpiresAt" date,
  "refreshTokenExpiresAt" date,
  "scope" text,
  "password" text,
  "createdAt" date NOT NULL,
  "updatedAt" date NOT NULL
);
CREATE INDEX "account_userId_idx" ON "account" ("userId");
-- Not Better Auth's: one account at a provider belongs to one user, also with parallel requests.
CREATE UNIQUE INDEX "account_provider_idx" ON "account" ("providerId", "accountId");

CREATE TABLE "verification" (
  "id" text NOT NULL PRIMARY KEY,
  "identifier" text NOT NULL,
  "value" text NOT NULL,
  "expiresAt" date NOT NULL,
  "createdAt" date NOT NULL,
  "updatedAt" date NOT NULL
);
CREATE INDEX "verification_identifier_idx" ON "verification" ("identifier");

-- This Worker's own tables. Times are seconds since the Unix epoch.

-- The unit of billing. A user has exactly one tenant.
CREATE TABLE tenants (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL UNIQUE REFERENCES "user" ("id") ON DELETE CASCADE,
  tier TEXT NOT NULL CHECK (tier IN ('free', 'hobby', 'pro', 'enterprise')),
  is_delinquent INTEGER NOT NULL DEFAULT 0,
  -- The entrypoint that first needed the tenant.
  source TEXT NOT NULL CHECK (source IN ('oauth', 'api_key', 'service_binding')),
  created_at INTEGER NOT NULL
) STRICT;

-- A key is 256 random bits; only its SHA-256 is stored. A key is deleted with its tenant, and a
-- tenant with its user.
CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  key_hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  -- Separated by spaces (RFC 6749 section 3.3).
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_tenant ON api_keys (tenant_id);

-- One-time codes of the social bridge, by SHA-256. Redeeming a code deletes its row.
CREATE TABLE social_codes (
  code_hash TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
  code_challenge TEXT NOT NULL,
  return_url TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX social_codes_expiry ON social_codes (expires_at);

-- Sign-in attempts by SHA-256 of the e-mail address, for known and unknown addresses alike. A
-- success deletes the row, and so does an hour without an attempt.
CREATE TABLE sign_in_attempts (
  email_hash TEXT NOT NULL PRIMARY KEY,
  attempts INTEGER NOT NULL,
  -- Before this time no attempt is made and none is counted.
  next_at INTEGER NOT NULL,
  forgotten_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_attempts_forgotten ON sign_in_attempts (forgotten_at);
