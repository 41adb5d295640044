-- A user who is disabled and a changed password end every sign-in up to then, whatever makes the
-- change: this Worker, `npm run users`, or an operator's own SQL.
CREATE TRIGGER user_disabled AFTER UPDATE OF "disabledAt" ON "user"
WHEN OLD."disabledAt" IS NULL AND NEW."disabledAt" IS NOT NULL
BEGIN
  UPDATE "user" SET "sessionVersion" = "sessionVersion" + 1, "signedOutAt" = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE "id" = NEW."id";
END;

CREATE TRIGGER password_changed AFTER UPDATE OF "password" ON "account"
WHEN OLD."password" IS NOT NULL AND NEW."password" IS NOT OLD."password"
BEGIN
  UPDATE "user" SET "sessionVersion" = "sessionVersion" + 1, "signedOutAt" = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE "id" = NEW."userId";
END;
