/** Hues of the twelve colours that tell partitions and subjects apart; the text beside them says the same. */
const HUES = [210, 30, 120, 280, 0, 170, 330, 60, 240, 90, 300, 190];

const colours = (fill: (hue: number) => string): string =>
  HUES.map((hue, index) => `.c${index} { fill: ${fill(hue)}; background: ${fill(hue)}; }`).join(' ');

/** Style sheet of the report page: light and dark, narrow screens, print. */
export const HTML_STYLE = `
:root { color-scheme: light dark; --line: #8884; --good: #1b6e3c; --bad: #b3261e; --open: #8a5a00; --dim: #777; --ink: #222; --data: #1a5fb4; --event: #a35200; }
@media (prefers-color-scheme: dark) { :root { --good: #7ddba0; --bad: #ff8a80; --open: #ffcc66; --dim: #999; --ink: #ddd; --data: #8ab8ff; --event: #ffb870; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { font-weight: 600; white-space: nowrap; }
.refuted { color: var(--bad); } .proved, .exhausted, .tested { color: var(--good); } .inconclusive, .vacuous { color: var(--open); } .not-applicable { color: var(--dim); }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: 4px; font-size: 13px; }
details { margin: .3rem 0; } summary { cursor: pointer; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: .8rem 0; } figcaption { font-size: 13px; color: var(--dim); }
.scroll { overflow-x: auto; } svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); } svg text.on { fill: #111; pointer-events: none; }
${colours(hue => `hsl(${hue} 55% 74%)`)}
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
.barrier { stroke: var(--bad); stroke-width: 2; } .exit { stroke: var(--ink); stroke-width: 1.2; } .exit.noted { stroke: var(--bad); stroke-width: 3; }
.node { fill: none; stroke: var(--ink); } .flow { fill: none; stroke-width: 1.3; } .flow.data { stroke: var(--data); } .flow.event { stroke: var(--event); stroke-dasharray: 5 3; } .flow:hover { stroke-width: 3; } .tip { fill: var(--ink); }
.matrix { width: auto; font-size: 12px; } .matrix td, .matrix th { padding: .1rem .3rem; border: 1px solid var(--line); text-align: center; } .matrix tbody th { text-align: right; font-weight: 400; }
.matrix .column { vertical-align: bottom; font-weight: 400; } .matrix .column span { writing-mode: vertical-rl; transform: rotate(180deg); } .matrix .self { background: var(--line); }
.matrix .data { color: var(--data); font-weight: 700; } .matrix .event { color: var(--event); font-weight: 700; } .matrix .timing { color: var(--dim); }
.steps { font-size: 13px; } .steps tr:target { outline: 2px solid var(--data); } .noted { background: #b3261e22; }
@media print { details { display: block; } body { max-width: none; } }
`;
