// The stylesheet of all pages. It is inserted unescaped and allowed by its hash, so nothing in it
// may depend on a request. Colours meet WCAG 2.2 AA in both schemes; sizes are in rem and follow
// the reader's own; nothing moves.
//
// A button cannot be pressed by a pointer in the first half second after its page appears, and a
// decision not in the first half second after the pointer enters the page: another page, or a
// window in front of it, may have been there when the user began to press. A keyboard works at
// once, since nothing on these pages has the focus. Touch screens have no pointer that enters.

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f3f5f9, #0c0f16);
  --card: light-dark(#fff, #141923);
  --ink: light-dark(#131722, #eef1f7);
  --soft: light-dark(#556073, #a3aec2);
  --line: light-dark(#d5dbe6, #293142);
  --edge: light-dark(#818ca0, #69758c);
  --main: light-dark(#2450d8, #86a5ff);
  --care: light-dark(#7a4b00, #f4cb7d);
  --bad: light-dark(#a8201a, #ffaaa3);
}
* { box-sizing: border-box; margin: 0; }
body {
  display: flex; flex-direction: column; align-items: center; gap: 1.5rem; min-height: 100dvh; padding: 5vh .75rem 1.25rem;
  font: 1rem/1.5 system-ui, sans-serif; text-align: center; overflow-wrap: anywhere; color: var(--soft); background: var(--ground);
}
header { display: flex; gap: .625rem; font-size: 1.125rem; font-weight: 650; color: var(--ink); }
main, form, fieldset, dl, ol, .notice { display: grid; gap: 1rem; }
main {
  width: min(100%, 29rem); padding: clamp(1.25rem, 6vw, 2.25rem);
  background: var(--card); border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 1rem 3rem -1rem #0003;
}
small { font-size: .875rem; }
h1 { font-size: 1.5rem; line-height: 1.25; color: var(--ink); }
h1, h1 + p { text-wrap: balance; }
h1 + p { margin: -.5rem 0 .5rem; }
a { color: var(--main); }
.app, b { font-weight: 600; }
.app, b, dd { color: var(--ink); }
code, .host { font: 500 .9375em ui-monospace, monospace; user-select: all; }
form, dl, ol, .notice { text-align: start; }
dl { gap: .5rem; padding-block: .75rem; border-block: 1px solid var(--line); }
.choice { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 .75rem; }
ol { gap: .5rem; padding-inline-start: 1.25rem; }
.notice { gap: .5rem; padding: .75rem 1rem; color: var(--care); background: var(--ground); border-inline-start: 4px solid; border-radius: .25rem; }
[role=alert] { color: var(--bad); }
label, legend { display: block; padding: 0 0 .25rem; font-weight: 550; color: var(--ink); }
input, select, button, .button {
  width: 100%; min-height: 2.875rem; padding: .5rem .875rem; font: inherit; color: var(--ink);
  background: var(--card); border: 1px solid var(--edge); border-radius: .625rem;
}
button, .button { display: flex; align-items: center; justify-content: center; gap: .625rem; font-weight: 600; text-decoration: none; cursor: pointer; }
@keyframes appear { from, to { pointer-events: none; } }
@keyframes enter { from, to { pointer-events: none; } }
button { animation: appear .5s; }
@media (hover: hover) and (pointer: fine) and (not (any-pointer: coarse)) {
  html:hover .choice button { animation-name: enter; }
}
.main { color: var(--card); background: var(--main); border-color: var(--main); }
:is(button, .button):hover { filter: brightness(.93); }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
[aria-invalid] { border: 2px solid var(--bad); }
fieldset { gap: .5rem; min-width: 0; padding: 0; border: 0; }
fieldset label, fieldset p { display: flex; align-items: start; gap: .75rem; padding: .75rem; font-weight: 400; color: inherit; border: 1px solid var(--line); border-radius: .625rem; }
fieldset input, .tick { flex: none; width: 1.25rem; text-align: center; }
fieldset input { min-height: 1.5rem; accent-color: var(--main); }
.choice > * { margin-top: .5rem; }
.choice button { flex: 1 8rem; }
.or { display: flex; align-items: center; gap: 1rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
main:has(section) { grid-template-columns: minmax(0, 1fr); gap: 2rem; width: min(100%, 42rem); text-align: start; }
section, details[open] { display: grid; grid-template-columns: minmax(0, 1fr); gap: .75rem; }
section { padding-top: 2rem; border-top: 1px solid var(--line); }
h2 { font-size: 1.125rem; line-height: 1.25; color: var(--ink); }
ul { padding: 0; border: 1px solid var(--line); border-radius: .75rem; }
li + li { border-top: 1px solid var(--line); }
ul > li { padding: 1rem; font-size: .9375rem; }
ul > li, .row { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1.5rem; }
:is(ul, .row) div { flex: 1 1 15rem; }
.row p { margin: .25rem 0 0; }
ul .app { font-size: 1rem; }
li:has(.picture) { flex-wrap: nowrap; }
.picture { flex: none; width: 3.5rem; height: 3.5rem; overflow: hidden; border-radius: .625rem; background: var(--ground); }
.picture img { display: block; width: 100%; height: 100%; object-fit: cover; font-size: .75rem; line-height: 1.1; }
section button, .row button { width: fit-content; padding-inline: 1.25rem; }
:is(ul, .row) :is(button, .button) { width: fit-content; min-height: 2.5rem; padding-inline: .875rem; }
li > details[open] { flex-basis: 100%; }
.bad { color: var(--bad); border-color: currentcolor; }
.tag { margin-inline-start: .25rem; padding: .0625rem .5rem; font-size: .8125rem; border: 1px solid var(--line); border-radius: 1rem; }
.secret { display: block; padding: .875rem 1rem; text-align: start; color: var(--ink); background: var(--ground); border-radius: .625rem; }
time { white-space: nowrap; }
pre { padding: .75rem 1rem; white-space: pre-wrap; font-size: .875rem; color: var(--ink); background: var(--ground); border-radius: .625rem; }
.clients { text-align: start; border: 1px solid var(--line); border-radius: .75rem; }
.clients details { padding: .625rem 1rem; }
.clients details + details { border-top: 1px solid var(--line); }
.clients summary ~ * { margin-top: .5rem; }
.clients .button { width: fit-content; min-height: 2.5rem; }
.choice .button { flex: 1 10rem; padding-inline: .5rem; text-align: center; }
summary { width: fit-content; padding: .125rem 0; font-weight: 600; color: var(--main); cursor: pointer; }
`;
