-- Users whose sign-ins up to an instant must end at the gateway, until it has replied. Written with
-- `signedOutAt` itself, whatever makes the change, so that none is lost.
CREATE TABLE revocations (
  user_id TEXT NOT NULL PRIMARY KEY,
  until TEXT NOT NULL
) STRICT;

CREATE TRIGGER user_signed_out AFTER UPDATE OF "signedOutAt" ON "user"
WHEN NEW."signedOutAt" IS NOT NULL AND NEW."signedOutAt" IS NOT OLD."signedOutAt"
BEGIN
  INSERT INTO revocations (user_id, until) VALUES (NEW."id", NEW."signedOutAt")
  ON CONFLICT (user_id) DO UPDATE SET until = excluded.until;
END;
