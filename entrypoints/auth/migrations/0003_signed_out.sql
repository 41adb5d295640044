-- Better Auth's column `signedOutAt` of `authOptions`: every sign-in up to this instant has ended,
-- with its sessions, grants and tokens. ISO 8601 text with milliseconds.
ALTER TABLE "user" ADD COLUMN "signedOutAt" date;
