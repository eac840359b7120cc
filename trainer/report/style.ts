/** The one style sheet of the pages: system fonts, light and dark, a phone first, and print. */

export const runColours = 8;

const palette = {
  light: ['#1f5fbf', '#b4470e', '#1b7a43', '#8a3fa0', '#a3243b', '#0b7285', '#6b5b00', '#55606e'],
  dark: ['#7fb2ff', '#ffa066', '#6fd398', '#d79bf0', '#ff8fa3', '#66d0e0', '#d8c24a', '#b4bfcc'],
};
const runs = (colours: readonly string[]) => colours.map((colour, i) => `--run${i}:${colour}`).join(';');

export const style = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1a2230;--muted:#566173;--line:#d9dee6;--accent:#1f5fbf;
--heat:31,95,191;--onheat:#fff;--expected:#d7f2e0;--expected-line:#1b7a43;--predicted:#fde3d3;--predicted-line:#b4470e;
--agreed:#e3ebf8;--agreed-line:#1f5fbf;${runs(palette.light)}}
@media(prefers-color-scheme:dark){:root{--page:#11151b;--card:#1a2029;--ink:#e8ecf2;--muted:#a4afbf;--line:#333d4b;
--accent:#7fb2ff;--heat:127,178,255;--onheat:#0d1117;--expected:#143a26;--expected-line:#6fd398;--predicted:#472412;
--predicted-line:#ffa066;--agreed:#1d2f4b;--agreed-line:#7fb2ff;${runs(palette.dark)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,header{max-width:1080px;margin:0 auto;padding:0 16px}
main{display:grid;grid-template-columns:minmax(0,1fr);column-gap:16px}
.whole{grid-column:1/-1}
@media(min-width:900px){main{grid-template-columns:repeat(2,minmax(0,1fr))}}
header{padding-top:28px}
h1{font-size:1.75rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:36px 0 12px}
h3{font-size:1rem;margin:0 0 8px}
p{margin:8px 0;max-width:70ch}
.lead,.note,figcaption{color:var(--muted)}
.note,figcaption{font-size:.875rem}
.card>.note{margin-top:0}
a{color:var(--accent)}
nav{margin:16px 0 0;display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.9375rem}
nav a{padding:6px 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(136px,1fr));gap:12px;margin:20px 0 0}
.figures div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.figures dt{font-size:.8125rem;color:var(--muted)}
.figures dd{margin:2px 0 0;font-size:1.5rem;font-weight:600;line-height:1.2;font-variant-numeric:tabular-nums}
.figures div:first-child dd{color:var(--accent)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:16px}
.card,figure{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px;margin:0 0 16px;min-width:0}
.cards>*{margin:0}
.narrow{max-width:560px}
.plot{display:block;width:100%;height:auto;font-family:inherit;font-size:11px;overflow:visible}
.plot text{white-space:pre}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
td{white-space:nowrap}
td.text{white-space:normal}
.wide{width:100%}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}
th:first-child,td.text{text-align:left}
tbody tr:last-child>*{border-bottom:0}
tbody th,td.text{overflow-wrap:anywhere;min-width:7rem;max-width:22rem}
tbody th{font-weight:500}
.best{font-weight:700;color:var(--accent)}
.bar{display:inline-block;width:72px;height:8px;vertical-align:middle}
.bar rect{fill:var(--line)}
.bar rect+rect{fill:var(--accent)}
.matrix th,.matrix td{border:0;padding:4px}
.matrix td,.matrix tbody th{vertical-align:middle}
.matrix td{text-align:center;min-width:34px;border-radius:4px}
.matrix thead th{vertical-align:bottom;font-weight:500;text-align:left;padding:4px 8px}
.matrix thead th span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:10rem;overflow-wrap:anywhere}
.matrix tbody th{position:sticky;left:0;background:var(--card);text-align:right;min-width:6.5rem;max-width:11rem;padding-right:10px}
.matrix .zero{color:var(--muted)}
.matrix .hit{outline:1px solid var(--muted);outline-offset:-1px}
${Array.from({ length: 9 }, (_, i) => {
  // Text turns over where the shade is strong enough for it.
  const shade = (i + 1) / 10 + (i >= 5 ? 0.1 : 0);
  return `.h${i + 1}{background:rgba(var(--heat),${shade.toFixed(2)})${i >= 5 ? ';color:var(--onheat)' : ''}}`;
}).join('')}
.examples{list-style:none;margin:0;padding:0}
.examples li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px;margin:0 0 12px;break-inside:avoid}
.facts{margin:0;display:grid;grid-template-columns:auto 1fr;gap:2px 12px;font-size:.9375rem}
.facts dt{color:var(--muted)}
.facts dd{margin:0;overflow-wrap:anywhere;font-weight:600;min-width:0}
.facts small,mark small{font-weight:400}
.passage{margin:10px 0 0;overflow-wrap:anywhere;white-space:pre-wrap}
.passage b{display:block;font-size:.8125rem;font-weight:400;color:var(--muted)}
.where{font-size:.8125rem;color:var(--muted);margin:8px 0 0;overflow-wrap:anywhere}
mark{color:inherit;padding:1px 2px;border-radius:3px;border-bottom:2px solid}
mark small{font-size:.6875rem;letter-spacing:.03em;margin-left:4px}
.expected{background:var(--expected);border-bottom-color:var(--expected-line)}
.predicted{background:var(--predicted);border-bottom-color:var(--predicted-line);border-bottom-style:dashed}
.agreed{background:var(--agreed);border-bottom-color:var(--agreed-line);border-bottom-style:dotted}
.legend{list-style:none;padding:0;margin:0 0 12px;display:flex;flex-wrap:wrap;gap:6px 16px;font-size:.875rem}
.legend li{min-width:0;overflow-wrap:anywhere}
.legend svg{width:26px;height:8px;vertical-align:middle;margin-right:6px}
details{margin:12px 0 0}
summary{cursor:pointer;color:var(--accent);padding:6px 0}
footer{color:var(--muted);font-size:.8125rem;max-width:1080px;margin:24px auto;padding:0 16px}
@media print{:root{--page:#fff}nav{display:none}body{font-size:12px}h2{break-after:avoid}figure,.card,tr{break-inside:avoid}
.scroll{overflow:visible}mark,.matrix td{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
