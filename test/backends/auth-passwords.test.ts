// The strength of a new password, checked by the auth Worker at sign-up.
import { describe, expect, it } from "vitest";
import { newEmail, useAuth } from "../support/auth-worker.ts";

const { register, call } = useAuth();

describe("a new password", () => {
  it.each([
    "password1234567",
    "Password123456!",
    "P@ssw0rdP@ssw0rd",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc4rfv",
    "!QAZ2wsx#EDC4rfv",
    "a1b2c3d4e5f6g7h8",
    "summer2026summer2026",
    "Winter2025!Winter",
    "Sommer2026Sommer",
    "football2026football",
    "liverpool liverpool",
    "princess20001999",
    "thisismypassword",
    "iloveyou12345678",
    "monday tuesday wednesday",
    "january february",
    "one two three four five",
    "123456789012345",
    "2026-11-27-2026-11-27",
    "111222333444555",
    "correct horse battery staple",
    "Passwort12345678",
    "motdepasse123456",
    "contraseña123456",
    "пароль1234567890",
    "Stackbilt2026!!",
    "stackbilt-stackbilt",
  ])("that is easy to guess is refused: %s", async (password) => {
    expect(await register(newEmail(), password)).toEqual({ valid: false, error: "WEAK_PASSWORD" });
  });

  it.each([
    "Grace.Hopper2026",
    "grace-hopper-1906",
    "ghopper@bücher.example",
    "GHopper-GHopper-1",
    "hopper grace hopper",
  ])("that consists of the user's name or address is refused: %s", async (password) => {
    expect(await call("registerUser", "Grace Hopper", "ghopper@xn--bcher-kva.example", password)).toEqual({
      valid: false,
      error: "WEAK_PASSWORD",
    });
  });

  it.each([
    "seven green turtles",
    "purple elephant dancing slowly",
    "otter-lamp-gravel-piano",
    "mustard window orbit",
    "my password is a purple walrus",
    "a long enough passphrase",
    "vK9#mQ2$xL7pR4wZ",
    "8f3k2m9x1q7z4w6p",
    "x7-kq2-m9d-p4z-w8n",
    "6d9f1c2ab7e84350",
    "83920174659201837465",
    "ein roter Fuchs springt weit",
    "четыре зелёных черепахи",
    "七匹の緑の亀が静かに泳いでいる海",
  ])("that is long and unusual is accepted: %s", async (password) => {
    expect(await register(newEmail(), password)).toMatchObject({ valid: true });
  });
});
