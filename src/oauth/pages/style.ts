// The one stylesheet of the door. It is inserted as it stands and allowed by its hash, so nothing in it may depend on a request.
// Colours meet WCAG 2.2 AA in both schemes; sizes are in rem, so that they follow the reader's own.

export const STYLE = `
:root {
  --ground: #f3f5f9; --grid: #dfe4ee; --card: #ffffff; --ink: #131722; --soft: #556073; --line: #d5dbe6; --field: #ffffff; --edge: #818ca0;
  --main: #2450d8; --main-strong: #1b3fb0; --on-main: #ffffff; --tint: #eef2fe; --bad: #a8201a; --bad-tint: #fdf0ef; --care: #7a4b00; --care-tint: #fff6e5;
  --shadow: 0 1px 2px rgb(19 23 34 / .05), 0 12px 40px -12px rgb(19 23 34 / .16);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0c0f16; --grid: #171c28; --card: #141923; --ink: #eef1f7; --soft: #a3aec2; --line: #293142; --field: #0f131c; --edge: #69758c;
    --main: #86a5ff; --main-strong: #a5bcff; --on-main: #0b1331; --tint: #1b2540; --bad: #ffaaa3; --bad-tint: #31191b; --care: #f4cb7d; --care-tint: #2b2313;
    --shadow: 0 1px 0 rgb(255 255 255 / .04) inset, 0 24px 60px -20px rgb(0 0 0 / .7);
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; color: var(--ink); background: var(--ground);
  font: 400 1rem/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  -webkit-font-smoothing: antialiased; overflow-wrap: break-word;
}
body::before {
  content: ""; position: fixed; inset: 0; z-index: -1; pointer-events: none;
  background-image: linear-gradient(var(--grid) 1px, transparent 1px), linear-gradient(90deg, var(--grid) 1px, transparent 1px);
  background-size: 2rem 2rem; background-position: center top;
  -webkit-mask-image: radial-gradient(60rem 34rem at 50% 0, #000 10%, transparent 75%); mask-image: radial-gradient(60rem 34rem at 50% 0, #000 10%, transparent 75%);
}
.frame { min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column; align-items: center; padding: clamp(1.25rem, 5vh, 3.5rem) 1rem 1.25rem; }
.brand { display: flex; align-items: center; gap: .625rem; margin-bottom: clamp(1.25rem, 3vh, 2rem); font-size: 1.125rem; font-weight: 650; letter-spacing: -.015em; }
.mark { display: block; width: 1.875rem; height: 1.875rem; fill: var(--main); }
.mark-low { opacity: .4; } .mark-mid { opacity: .68; }
.card {
  width: 100%; max-width: 27rem; padding: clamp(1.5rem, 6vw, 2.5rem); background: var(--card);
  border: 1px solid var(--line); border-radius: 1.125rem; box-shadow: var(--shadow);
}
.foot { margin-top: auto; padding-top: 2rem; font-size: .8125rem; color: var(--soft); text-align: center; }
h1 { margin: 0; font-size: clamp(1.375rem, 5vw, 1.625rem); line-height: 1.25; font-weight: 680; letter-spacing: -.022em; text-align: center; text-wrap: balance; }
p { margin: 0; }
a { color: var(--main); text-decoration-thickness: 1px; text-underline-offset: .2em; }
a:hover { color: var(--main-strong); text-decoration-thickness: 2px; }
.lead { margin-top: .5rem; color: var(--soft); text-align: center; text-wrap: pretty; }
.app { color: var(--ink); font-weight: 600; }
h1 .app { font-weight: inherit; }
h1 .host { display: block; margin-top: .375rem; font-size: 1.125rem; letter-spacing: 0; }
.host, code { font: 500 .9375em/1.4 ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.link { display: flex; align-items: center; justify-content: center; margin-bottom: 1.25rem; }
.tile {
  display: grid; place-items: center; width: 3rem; height: 3rem; border: 1px solid var(--line); border-radius: .875rem;
  background: var(--ground); color: var(--soft); font-size: 1.25rem; font-weight: 650;
}
.tile-own { background: var(--tint); border-color: transparent; }
.wire { width: 3rem; height: 2px; margin: 0 .5rem; background: radial-gradient(circle at 1px 1px, var(--edge) 1px, transparent 1.2px) 0 0 / 8px 2px repeat-x; }
form { margin: 0; }
.lead + form, .lead + .notice, .notice + form { margin-top: 1.5rem; }
.field { margin-bottom: 1rem; }
label, .label { display: block; margin-bottom: .375rem; font-size: .9375rem; font-weight: 550; }
input[type=text], input[type=email], input[type=password] {
  display: block; width: 100%; min-height: 2.875rem; padding: .5rem .8125rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--edge); border-radius: .625rem; transition: border-color .12s, box-shadow .12s;
}
input:hover { border-color: var(--soft); }
input[aria-invalid=true] { border-color: var(--bad); box-shadow: 0 0 0 1px var(--bad); }
input:focus-visible, a:focus-visible, button:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
a:focus-visible { border-radius: .25rem; }
.hint { margin-top: .375rem; font-size: .875rem; color: var(--soft); }
.button {
  display: flex; align-items: center; justify-content: center; gap: .625rem; width: 100%; min-height: 2.875rem; padding: .5rem 1rem;
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; border: 1px solid transparent; border-radius: .625rem; cursor: pointer;
  transition: background-color .12s, border-color .12s;
}
.button svg { flex: none; }
.button-main, .button-main:hover { background: var(--main); color: var(--on-main); }
.button-main:hover { background: var(--main-strong); }
.button-plain, .button-plain:hover { background: var(--field); color: var(--ink); border-color: var(--edge); }
.button-plain:hover { background: var(--ground); border-color: var(--soft); }
.field + .button { margin-top: 1.5rem; }
.lead + .button { margin-top: 1.75rem; }
.or { display: flex; align-items: center; gap: .875rem; margin: 1.375rem 0; color: var(--soft); font-size: .875rem; }
.or::before, .or::after { content: ""; flex: 1; height: 1px; background: var(--line); }
.social { display: grid; gap: .625rem; }
.aside { margin-top: 1.5rem; text-align: center; font-size: .9375rem; color: var(--soft); text-wrap: pretty; }
.notice { display: flex; gap: .75rem; padding: .8125rem .9375rem; border-radius: .75rem; font-size: .9375rem; line-height: 1.45; }
.notice svg { flex: none; margin-top: .125rem; }
.notice p + p { margin-top: .375rem; }
.notice-bad { background: var(--bad-tint); color: var(--bad); }
.notice-care { background: var(--care-tint); color: var(--care); }
.facts { margin: 1.25rem 0 .75rem; border: 1px solid var(--line); border-radius: .75rem; }
.facts > div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; padding: .625rem .9375rem; font-size: .9375rem; }
.facts > div + div { border-top: 1px solid var(--line); }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; font-weight: 500; min-width: 0; }
.card:has(.powers) { max-width: 31rem; padding-top: clamp(1.25rem, 5vw, 2rem); padding-bottom: clamp(1.25rem, 5vw, 2rem); }
.powers { margin: 1.25rem 0 0; padding: 0; border: 0; min-width: 0; }
.powers legend { padding: 0; margin-bottom: .5rem; font-size: .9375rem; font-weight: 550; }
.power {
  display: flex; gap: .8125rem; margin: 0; padding: .75rem .9375rem; font-size: .9375rem; font-weight: 400; color: var(--soft);
  border: 1px solid var(--line); border-radius: .75rem; cursor: pointer;
}
.power + .power { margin-top: .5rem; }
.power:not(.power-fixed):hover { border-color: var(--edge); }
.power:has(:focus-visible) { outline: 3px solid var(--main); outline-offset: 2px; }
.power-fixed { cursor: default; background: var(--ground); }
.power strong { color: var(--ink); font-weight: 600; }
.power small { font-size: .8125rem; }
.power input {
  flex: none; display: grid; place-items: center; width: 1.25rem; height: 1.25rem; margin: .125rem 0 0; outline: 0;
  -webkit-appearance: none; appearance: none; background: var(--field); border: 1.5px solid var(--edge); border-radius: .375rem;
}
.power input:checked { background: var(--main); border-color: var(--main); }
.power input:checked::before {
  content: ""; width: .75rem; height: .75rem; background: var(--on-main);
  clip-path: polygon(12% 50%, 0 63%, 36% 95%, 100% 22%, 87% 9%, 35% 69%);
}
.power input:checked:disabled { background: var(--soft); border-color: var(--soft); }
.power input:checked:disabled::before { background: var(--card); }
.closed { display: flex; gap: .625rem; margin-top: 1rem; font-size: .875rem; color: var(--soft); }
.closed svg { flex: none; margin-top: .0625rem; }
.choice { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin-top: 1.5rem; }
.code { margin-bottom: .5rem; text-align: center; font-size: .875rem; font-weight: 600; letter-spacing: .08em; color: var(--soft); }
.trace { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .8125rem; color: var(--soft); text-align: center; }
.away { display: flex; justify-content: center; gap: .5rem; margin-bottom: 1.25rem; }
.away span { width: .625rem; height: .625rem; border-radius: 50%; background: var(--main); animation: beat 1.2s ease-in-out infinite both; }
.away span:nth-child(2) { animation-delay: .16s; } .away span:nth-child(3) { animation-delay: .32s; }
@keyframes beat { 0%, 80%, 100% { opacity: .25; transform: scale(.8); } 40% { opacity: 1; transform: none; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
.lead + .label { margin-top: 1.75rem; }
.endpoint { padding: .8125rem .9375rem; background: var(--tint); border-radius: .75rem; }
.endpoint code { user-select: all; }
.steps { display: grid; gap: .75rem; margin: 1.5rem 0 0; padding: 0; list-style: none; counter-reset: step; font-size: .9375rem; }
.steps li { display: grid; grid-template-columns: 1.625rem 1fr; gap: .75rem; counter-increment: step; }
.steps li::before {
  content: counter(step); display: grid; place-items: center; width: 1.625rem; height: 1.625rem; border-radius: 50%;
  font-size: .8125rem; font-weight: 650; color: var(--main); background: var(--tint);
}
@media (max-width: 26rem) {
  .frame { padding-left: .75rem; padding-right: .75rem; }
  .card { border-radius: 1rem; }
}
@media (forced-colors: active) {
  .button, .tile, .notice { border: 1px solid; }
  .power input { -webkit-appearance: auto; appearance: auto; }
}
`;
