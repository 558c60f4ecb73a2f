// How a report looks: light and dark as the reader's system has it, on paper always light, from 360 pixels of width on.
export const STYLE = `
:root {
  --back: #ffffff; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --box: #f6f8fa; --link: #0550ae;
  --pass: #1a7f37; --fail: #b3261e; --open: #7a4d00; --screen: #00579e;
  --outside: #e4e8ec; --present: #7fb2e5; --changed: #c3d9f0; --bad: #f6b0a8; --mark: #1b1f24; --bars: #3d7fc1;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --back: #12161b; --text: #e6e9ec; --soft: #a3acb5; --line: #3b444d; --box: #1b2128; --link: #79b8ff;
    --pass: #63c784; --fail: #ff8d85; --open: #f0bd5c; --screen: #00579e;
    --outside: #2a3138; --present: #2f6ea8; --changed: #1f4468; --bad: #8c342d; --mark: #ffffff; --bars: #4d94db;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0; }
.note { color: var(--soft); font-size: .9rem; }
code, pre, .mono { font-family: ui-monospace, "Cascadia Mono", "Liberation Mono", Consolas, monospace; font-size: .875em; }
pre { margin: .5rem 0; padding: .75rem; background: var(--box); border: 1px solid var(--line); white-space: pre-wrap; }
.verdict { margin: 1rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-left: .5rem solid; background: var(--box); }
.verdict strong { font-size: 1.15rem; }
.pass { color: var(--pass); } .fail { color: var(--fail); } .open { color: var(--open); }
.badge { font-weight: 600; white-space: nowrap; } time { white-space: nowrap; }
.verdict p { color: var(--text); margin: .25rem 0 0; }
nav ul { list-style: none; margin: 1rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
dl { margin: .75rem 0; }
dl div { display: grid; grid-template-columns: 12rem 1fr; gap: 0 1rem; padding: .2rem 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
@media (max-width: 40rem) { dl div { grid-template-columns: 1fr; padding: .35rem 0; } }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .925rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .35rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: normal; }
td, thead th { white-space: nowrap; } caption { max-width: calc(100vw - 2rem); }
thead th { color: var(--soft); font-weight: 600; } tbody th { font-weight: 400; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th code { white-space: nowrap; }
.wide { min-width: 18rem; white-space: normal; overflow-wrap: anywhere; }
details { margin: .75rem 0; } summary { cursor: pointer; color: var(--link); }
.messages { list-style: none; padding: 0; font-size: .925rem; } .messages li { padding: .1rem 0; }
.messages .bad { color: var(--fail); }
.screen { background: var(--screen); color: #ffffff; padding: 1.25rem; }
figure { margin: .75rem 0; } figcaption { color: var(--soft); font-size: .9rem; margin-top: .35rem; }
svg { display: block; }
.map { width: 100%; height: auto; margin: .2rem 0 .75rem; }
.chart { width: 100%; height: 9rem; background: var(--box); border: 1px solid var(--line); }
.strip { width: 100%; height: 1.75rem; background: var(--box); border: 1px solid var(--line); }
.ends { display: flex; justify-content: space-between; gap: 1rem; color: var(--soft); font-size: .85rem; }
.ends span:last-child { text-align: right; }
.legend { list-style: none; margin: .5rem 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); gap: .25rem 1rem; }
.legend li { display: flex; gap: .6rem; align-items: baseline; }
.legend svg { width: 1rem; height: 1rem; flex: none; align-self: center; border: 1px solid var(--line); }
.cell-outside { fill: var(--outside); } .cell-present { fill: var(--present); } .cell-changed { fill: var(--changed); }
.cell-unpromised, .cell-stray, .cell-different, .cell-missing { fill: var(--bad); }
.mark { fill: none; stroke: var(--mark); stroke-width: 1.4; }
.grid { fill: none; stroke: var(--back); stroke-width: .8; }
.bars { fill: var(--bars); }
.sum { fill: none; stroke: var(--text); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.stop { stroke: var(--fail); stroke-width: 2; stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
@media print {
  html { font-size: 10pt; } body { max-width: none; padding: 0; }
  nav, summary { display: none; }
  details::details-content { display: block; content-visibility: visible; height: auto; }
  .scroll { overflow: visible; } .screen { background: none; color: inherit; border: 2px solid var(--screen); }
  table { font-size: 8.5pt; } td, thead th, th code { white-space: normal; } td code, th code { overflow-wrap: anywhere; } .wide { min-width: 0; }
  h2, h3, caption { break-after: avoid; } tr, figure, .verdict, pre { break-inside: avoid; }
}
`
