"""CSS of a page of reports, for screens, phones and print."""

STYLE = """
:root { color-scheme: light; --ink: #222; --soft: #595959; --line: #ddd;
  --old: #0072b2; --new: #b34f00; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem;
  color: var(--ink); background: #fff; line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
p { margin: .4rem 0; overflow-wrap: anywhere; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.cards { display: grid; gap: .8rem; margin: 1.4rem 0; padding: 0;
  list-style: none;
  grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
.cards li { border: 1px solid var(--line); border-top: 4px solid #999;
  border-radius: 4px; padding: .7rem .9rem; }
.cards .old { border-top-color: var(--old); }
.cards .new { border-top-color: var(--new); }
.cards strong { display: block; font-size: 1.8rem; line-height: 1.25; }
.verdict { font-weight: 600; }
.refused { color: #a40000; }
.figures { display: grid; gap: 1.5rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.three {
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
figure { margin: 1rem 0; min-width: 0; }
.figures figure { margin: 0; }
img { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid var(--old); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums;
  font-size: .95rem; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right;
  border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap; }
th:first-child { text-align: left; font-weight: 500; white-space: normal;
  min-width: 6rem; max-width: 20rem; overflow-wrap: anywhere; }
thead th { color: var(--soft); font-weight: 500; }
dl { display: grid; grid-template-columns: max-content 1fr; margin: .4rem 0;
  gap: .2rem 1.2rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) {
  h1 { font-size: 1.4rem; }
  th, td { padding-right: .6rem; font-size: .85rem; }
  .cards { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .cards strong { font-size: 1.4rem; }
}
@media print {
  @page { margin: 15mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-after: avoid; margin-top: 1.4rem; }
  figure, tr, .cards li { break-inside: avoid; }
  .cards { grid-template-columns: repeat(4, 1fr); }
  .figures { grid-template-columns: 1fr 1fr; }
  .three { grid-template-columns: 1fr 1fr 1fr; }
  .wide { overflow: visible; }
}
"""
