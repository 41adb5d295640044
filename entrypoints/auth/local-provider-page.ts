// The pages of the local provider: plain HTML and CSS, without scripts or external resources.
import type { SocialProvider } from "../../contracts/auth.ts";

const NAMES: Readonly<Record<SocialProvider, string>> = { github: "GitHub", google: "Google" };

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2130; --soft: #5b6275; --paper: #f4f5f9; --card: #fff; --line: #d5d9e4; --field: #fff;
  --accent: #3b4cc0; --on-accent: #fff; --note: #fff6dd; --note-ink: #5c4400; --note-line: #ecd48f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef6; --soft: #a9b0c4; --paper: #12141c; --card: #1b1e2a; --line: #353b4f;
  --field: #12141c; --accent: #a5b1ff; --on-accent: #141a45; --note: #322a12; --note-ink: #f5dfa3; --note-line: #5d4e20; --bad: #ffb4ab; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 440px; background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: 32px;
  box-shadow: 0 12px 40px rgb(20 25 50 / 8%); }
h1 { margin: 0 0 8px; font-size: 24px; line-height: 1.25; letter-spacing: -0.01em; }
p { margin: 0 0 16px; color: var(--soft); }
.note { display: inline-block; margin: 0 0 16px; padding: 4px 12px; border: 1px solid var(--note-line); border-radius: 999px;
  background: var(--note); color: var(--note-ink); font-size: 14px; font-weight: 600; }
.problem { border-left: 4px solid var(--bad); padding-left: 12px; color: var(--bad); font-weight: 600; }
label { display: block; margin: 16px 0 0; font-weight: 600; }
input[type=text], input[type=email] { display: block; width: 100%; margin-top: 4px; padding: 10px 12px; border: 1px solid var(--soft);
  border-radius: 10px; background: var(--field); color: inherit; font: inherit; font-weight: 400; }
label.check { display: flex; gap: 10px; align-items: flex-start; font-weight: 400; }
input[type=checkbox] { width: 24px; height: 24px; margin: 0; flex: none; accent-color: var(--accent); }
.buttons { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 28px; }
button, a.button { flex: 1 1 140px; padding: 12px 16px; border: 1px solid var(--soft); border-radius: 10px; background: none; color: inherit;
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
button.main, a.button { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/**
 * Headers of every page: no scripts, no external resources, no framing, forms only to this origin.
 */
export async function pageHeaders(): Promise<Record<string, string>> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE)));
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": `default-src 'none'; style-src 'sha256-${btoa(String.fromCharCode(...digest))}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
  };
}

/**
 * The page that asks for the user to sign in as. Without a `state` it has no form: the sign-in
 * cannot continue.
 */
export function authorizationPage(
  provider: SocialProvider,
  { state, entered, problem }: { state: string; entered?: { name: string; email: string }; problem?: string },
): string {
  const { name, email } = entered ?? { name: "Ada Lovelace", email: "ada@example.com" };
  const alert = problem === undefined ? "" : `<p class="problem" id="problem" role="alert">${escapeHtml(problem)}</p>`;
  const described = problem === undefined ? "" : ' aria-describedby="problem"';
  const form = `
<form method="post" action="/social-bridge/local/${provider}">
  <input type="hidden" name="state" value="${escapeHtml(state)}">
  <label>Name<input type="text" name="name" value="${escapeHtml(name)}" maxlength="100" autocomplete="off" required${described}></label>
  <label>E-mail<input type="email" name="email" value="${escapeHtml(email)}" maxlength="254" autocomplete="off" required${described}></label>
  <label class="check"><input type="checkbox" name="verified" value="yes" checked>${NAMES[provider]} has verified this e-mail address</label>
  <div class="buttons">
    <button class="main" name="decision" value="continue">Continue</button>
    <button name="decision" value="deny" formnovalidate>Deny</button>
  </div>
</form>`;
  return html(
    `Local ${NAMES[provider]} sign-in`,
    `<div class="note">Development only</div>
<h1>Local ${NAMES[provider]} sign-in</h1>
<p>This page replaces ${NAMES[provider]} on your machine. Enter the user to sign in as. Nothing leaves your computer.</p>
${alert}${state === "" ? "" : form}`,
  );
}

/**
 * The page that continues to `url` without a redirect: Chromium checks each redirect after a form
 * submission against `form-action`, and blocks it without a message.
 */
export function continuePage(provider: SocialProvider, url: string): string {
  return html(
    `Leaving the local ${NAMES[provider]} sign-in`,
    `<h1>Returning to your app</h1>
<p>If nothing happens, select Continue.</p>
<div class="buttons"><a class="button" id="continue" href="${escapeHtml(url)}">Continue</a></div>`,
    `<meta http-equiv="refresh" content="0;url=${escapeHtml(url)}">`,
  );
}

function html(title: string, body: string, head = ""): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
${head}<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
