/** The look of the page: dark where its reader wants that, light on paper, and narrow where the window is. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14181b);
  --raised: light-dark(#f4f6f6, #1d2327);
  --line: light-dark(#d3dada, #39434a);
  --text: light-dark(#1a2226, #e6ecee);
  --quiet: light-dark(#566268, #9fb0b7);
  --new: light-dark(#0b6e5f, #4fd1b8);
  --stable: light-dark(#5b6770, #93a4ae);
  --good: light-dark(#1a7f37, #5bd07f);
  --bad: light-dark(#b3261e, #ff8b80);
  --order: light-dark(#0550ae, #79b8ff);
  font: 15px/1.5 system-ui, sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); }
main { max-width: 860px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 36px 0 8px; }
p { margin: 0; overflow-wrap: anywhere; }
.kind { color: var(--quiet); }
.why { margin: 8px 0 16px; font-size: 1.05rem; }
.outcome { display: inline-block; font-size: 1rem; font-weight: 600; padding: 1px 10px; border: 2px solid; border-radius: 999px; vertical-align: middle; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.open { color: var(--quiet); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 8px 16px; margin: 0; padding: 12px 16px; background: var(--raised); border-radius: 8px; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0 0 20px; break-inside: avoid; }
figcaption { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline; }
.key { color: var(--quiet); font-size: .85rem; display: inline-flex; gap: 6px; align-items: center; }
figure > svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--quiet); }
.grid line { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.candidate { stroke: var(--new); stroke-width: 2.5; }
.line.weight { stroke: var(--new); stroke-width: 2.5; }
.line.stable { stroke: var(--stable); stroke-dasharray: 6 3; }
.line.limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 2 3; }
.mark line { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 1 3; }
.mark.good line, .mark.bad line, .mark.open line { stroke: currentColor; stroke-width: 2; stroke-dasharray: none; }
.mark.good text, .mark.bad text { fill: currentColor; font-weight: 600; }
.timeline { list-style: none; margin: 0; padding: 0; border-left: 2px solid var(--line); }
.timeline li { display: grid; grid-template-columns: 92px 1fr; gap: 8px; padding: 3px 0 3px 12px; break-inside: avoid; }
.timeline li.bad, .timeline li.good, .timeline li.order { font-weight: 600; }
.timeline li.order { color: var(--order); }
.timeline time { color: var(--quiet); font-variant-numeric: tabular-nums; font-weight: 400; }
.timeline span { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 3px solid var(--order); outline-offset: 1px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--quiet); padding: 0 0 4px; }
th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { font-weight: 600; }
tr { break-inside: avoid; }
td:last-child { min-width: 200px; }
.numbers td:last-child { min-width: 0; }
.numbers { margin-bottom: 24px; font-variant-numeric: tabular-nums; }
@media (max-width: 520px) {
  .timeline li { grid-template-columns: 1fr; gap: 0; }
}
@media print {
  :root { color-scheme: light; font-size: 11px; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
}
`;
