import { DARK, LIGHT, SANS, SERIF, variables } from '../drawing/palette.js';

/** Style of a report: that of the dashboard, light or dark by the reader's system setting, and for print. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;${variables(LIGHT)}}
@media(prefers-color-scheme:dark){:root{${variables(DARK)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 ${SANS};-webkit-font-smoothing:antialiased}
.page{max-width:82rem;margin:0 auto;padding:clamp(.9rem,1.6vw,1.4rem) clamp(1rem,3.2vw,2.75rem) 2.5rem}
.brand{display:flex;align-items:center;gap:.6rem;margin:0 0 1rem;font:600 1.15rem/1 ${SERIF}}
.brand svg{background:none}.brand-glass{fill:var(--accent)}.brand-heart{fill:#f0bd6b}.brand-base{fill:var(--rule-2)}
h1{font:600 clamp(1.6rem,1.2rem + 1.6vw,2.2rem)/1.15 ${SERIF};letter-spacing:-.01em;margin:0;overflow-wrap:anywhere}
h2{font:600 1.3rem/1.25 ${SERIF};margin:0 0 .5rem}
section{padding-top:1rem}
section+section,figure+section{margin-top:1.25rem;border-top:1px solid var(--rule)}
.lead{font:400 1.15rem/1.5 ${SERIF};color:var(--ink-2);margin:.35rem 0 0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,11rem),1fr));gap:.6rem 1.5rem;margin:0}
.figures dt{color:var(--ink-3);font-size:.85rem;line-height:1.3}
.figures dd{margin:0;font:600 1.15rem/1.3 ${SERIF};font-variant-numeric:tabular-nums lining-nums;overflow-wrap:anywhere}
.figures small{font:400 .875rem/1.3 ${SANS};color:var(--ink-3)}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:0 clamp(1.5rem,3vw,3rem);border-top:1px solid var(--rule);margin-top:1.25rem}
.two section{min-width:0;margin:0;border:0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}
th,td{padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--rule);text-align:right;font-weight:400;vertical-align:top}
th:first-child,td:first-child{text-align:left}
thead th{color:var(--ink-3);border-color:var(--rule-2)}
.facts th{color:var(--ink-3);width:42%;overflow-wrap:anywhere}
.facts td{text-align:left;overflow-wrap:anywhere}
.wide,figure{position:relative;overflow-x:auto;overscroll-behavior-x:contain}
.wide td,.wide th{white-space:nowrap}
figure{margin:1rem 0 0;padding:.75rem;background:var(--sheet);border:1px solid var(--rule);border-radius:6px}
figure svg{display:block;max-width:100%;height:auto;margin:0 auto}
figure.long svg{max-width:none}
figcaption{position:sticky;left:0;color:var(--ink-3);font-size:.9rem;margin-top:.5rem}
.missing{max-width:60ch;color:var(--ink-2);margin:0;overflow-wrap:anywhere}
footer{color:var(--ink-3);font-size:.85rem;margin-top:2rem}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.contents{display:none}
.contents ul{list-style:none;margin:0;padding:0}
.contents a{display:block;padding:.2rem .5rem;color:var(--ink-2);text-decoration:none;border-radius:6px}
.contents a:hover{background:var(--well);color:var(--ink)}
main{min-width:0}
@media(min-width:1000px){.columns{display:grid;grid-template-columns:13rem minmax(0,1fr);gap:0 2.5rem}
.contents{display:block;position:sticky;top:1rem;align-self:start;max-height:calc(100vh - 2rem);overflow:auto;margin:1rem 0 0 -.5rem;font-size:.9rem}}
@media(max-width:700px){figure svg{max-width:none;width:auto;min-width:620px}}
@media print{@page{margin:14mm}:root{color-scheme:light;${variables(LIGHT)};--paper:#fff}body{font-size:11pt}.page{max-width:none;padding:0}.contents{display:none}.columns{display:block}figure,tr{break-inside:avoid}h2{break-after:avoid}figure{border:0;padding:0}figure svg,figure.long svg{min-width:0;max-width:100%}.figures dd{font-size:1rem}}
`;
