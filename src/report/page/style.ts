/** Style of a report: light or dark by the reader's system setting, and for print. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--mute:#59636e;--edge:#d9dee4;--card:#f6f8fa}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--text:#f0f3f6;--mute:#9aa4ae;--edge:#2b323a;--card:#161b22}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:940px;margin:0 auto;padding:32px 20px 48px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2rem 0 .7rem}
.lead{font-size:1.1rem;color:var(--mute);margin:0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}
th,td{padding:.35rem .7rem;border-bottom:1px solid var(--edge);text-align:right;font-weight:400;vertical-align:top}
thead th{color:var(--mute)}
.facts th{color:var(--mute);text-align:left;width:34%}
.facts td{text-align:left;overflow-wrap:anywhere}
.wide,figure{overflow-x:auto}
.wide td,.wide th{white-space:nowrap}
figure{margin:2rem 0 0;padding:12px;border:1px solid var(--edge);border-radius:8px}
figure svg{display:block;max-width:100%;height:auto;margin:0 auto}
figcaption{color:var(--mute);font-size:.9rem;margin-top:.6rem}
.missing{background:var(--card);border-left:3px solid var(--edge);padding:.7rem 1rem;margin:0;overflow-wrap:anywhere}
footer{color:var(--mute);font-size:.85rem;margin-top:3rem}
@media(max-width:700px){main{padding:20px 12px 32px}figure{padding:8px}figure svg{max-width:none;width:auto;min-width:620px}}
@media print{@page{margin:14mm}body{font-size:11pt}main{max-width:none;padding:0}figure,tr{break-inside:avoid}h2{break-after:avoid}figure{border:0;padding:0}figure svg{min-width:0;max-width:100%}}
`;
