-- Tries that the gateway did not confirm: what was tried less goes first, so that a revocation that
-- always fails delays no other.
ALTER TABLE revocations ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;

-- An earlier instant never replaces a later one.
DROP TRIGGER user_signed_out;
CREATE TRIGGER user_signed_out AFTER UPDATE OF "signedOutAt" ON "user"
WHEN NEW."signedOutAt" IS NOT NULL AND NEW."signedOutAt" IS NOT OLD."signedOutAt"
BEGIN
  INSERT INTO revocations (user_id, until) VALUES (NEW."id", NEW."signedOutAt")
  ON CONFLICT (user_id) DO UPDATE SET until = max(until, excluded.until), attempts = 0;
END;
