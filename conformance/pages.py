"""``make pages``: what a browser makes of the pages of a dossier, opened from a folder.

An example dossier is built and closed to writing; each kind of page is opened in headless Chromium
at 1280 and 360 pixels, with scripts and without, and printed. Pictures go to ``out/pages``.
Exit codes: 0 nothing is wrong; 1 something is; 3 Chromium is not here; 4 it does not work.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance import ToolBroken, ToolMissing
from conformance.chromium import Tab, browser
from tests.support.deposit_story import MEMBERS, play
from tests.support.offices import YEAR, number, open_desk
from worker.audit.dossier.build import build_dossier, build_site

SOUND, FAULTY, NOT_CHECKED, BROKEN = 0, 1, 3, 4
PICTURES = Path(__file__).parents[1] / "out" / "pages"
KINDS = (
    "dossier/index.html",
    "dossier/factures.html",
    f"dossier/factures/{number(2)}.html",
    f"dossier/factures/{number(9)}.html",
    "dossier/factures/AVOIR-2026-00001.html",
    "dossier/membres.html",
    "dossier/fichiers.html",
    "dossier/tables.html",
    "dossier/grilles.html",
    "dossier/journal.html",
    "dossier/verifier.html",
    "site/index.html",
    "site/verifier.html",
    f"site/{YEAR}/index.html",
)
WIDE, NARROW = 1280, 360
LEAST_CONTRAST = 4.5
"""WCAG 2.1, level AA."""

_FAINT = """
(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = node => {
    if (node.closest && node.closest('svg')) {
      const cell = node.parentNode.querySelector('rect');
      if (cell && node.closest('.jour')) { return parts(getComputedStyle(cell).fill); }
      return [255, 255, 255];
    }
    for (let at = node; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) { return colour; }
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.getClientRects().length) { continue; }
    const style = getComputedStyle(node);
    const ink = node.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(parts(ink)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < LEAST) { faint.push(node.tagName + ' ' + node.className + ' ' + ratio.toFixed(2)); }
  }
  return [...new Set(faint)];
})()
""".replace("LEAST", str(LEAST_CONTRAST))
_SHOWN = "[...document.querySelectorAll('table.liste tbody tr')].filter(r => !r.hidden).length"
_SEARCH = """
(() => { const field = document.querySelector('.outils input'); field.value = %r;
  field.dispatchEvent(new Event('input')); return SHOWN; })()
""".replace("SHOWN", _SHOWN)
_CHOOSE = """
(() => { const [, state] = document.querySelectorAll('.outils select');
  state.value = '=' + %r; state.dispatchEvent(new Event('change')); return SHOWN; })()
""".replace("SHOWN", _SHOWN)
_TOTALS = (
    "[...document.querySelectorAll('table.liste tbody tr')].map(r => Number(r.cells[5].dataset.v))"
)
_FOCUS = "document.querySelectorAll('table.liste th button')[5].focus()"
_SORTED = "document.querySelectorAll('table.liste thead th')[5].getAttribute('aria-sort')"


def main() -> int:
    """Build, open, tell."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with browser(folder) as tab:
                _build(folder)
                faults = [*_pages(tab, folder), *_list(tab, folder)]
        except ToolMissing as error:
            print(f"nothing was checked: {error}")
            return NOT_CHECKED
        except ToolBroken as error:
            print(f"not checked to the end: {error}")
            return BROKEN
    for fault in faults:
        print(fault)
    print(f"{len(KINDS)} pages, {len(faults)} faults; pictures in {PICTURES}")
    return FAULTY if faults else SOUND


def _build(folder: Path) -> None:
    desk = open_desk(folder, folder / "desk", issued=MEMBERS)
    play(desk)
    build_dossier(desk.app, YEAR, folder / "dossier")
    build_site(desk.app, folder / "site")
    for built in ("dossier", "site"):
        for path in (folder / built, *(folder / built).rglob("*")):
            path.chmod(0o500 if path.is_dir() else 0o400)


def _pages(tab: Tab, folder: Path) -> Iterator[str]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        picture = PICTURES / kind.replace("/", "-").removesuffix(".html")
        for scripts in (True, False):
            tab.call("Emulation.setScriptExecutionDisabled", value=not scripts)
            for width in (WIDE, NARROW):
                _resize(tab, width)
                tab.open(f"file://{folder}/{kind}")
                where = f"{kind}, {width} px, {'with' if scripts else 'without'} scripts"
                yield from (f"{where}: {fault}" for fault in _faults(tab, folder, width))
                if scripts:
                    tab.picture(picture.with_name(f"{picture.name}-{width}.png"))
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
        tab.call("Emulation.setEmulatedMedia", media="print")
        _resize(tab, WIDE)
        tab.open(f"file://{folder}/{kind}")
        yield from (f"{kind}, printed: {fault}" for fault in _faults(tab, folder, WIDE))
        tab.picture(picture.with_name(f"{picture.name}-print.png"))
        tab.call("Emulation.setEmulatedMedia", media="")


def _resize(tab: Tab, width: int) -> None:
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )


def _faults(tab: Tab, folder: Path, width: int) -> Iterator[str]:
    yield from (f"the console says {said}" for said in tab.complaints)
    outside = [one for one in tab.requests if not one.startswith((f"file://{folder}/", "data:,"))]
    yield from (f"asks for {one}" for one in outside)
    if (widest := tab.run("document.documentElement.scrollWidth")) > width:
        yield f"is {widest} px wide"
    yield from (f"too faint: {one}" for one in tab.run(_FAINT))


def _list(tab: Tab, folder: Path) -> Iterator[str]:
    """Search, filter and sorting, the last by the keyboard alone."""
    _resize(tab, WIDE)
    tab.open(f"file://{folder}/dossier/factures.html")
    whole = tab.run(_SHOWN)
    told = (
        ("all rows", whole, 12),
        ("rows without accents or case", tab.run(_SEARCH % "AUBEPINE"), 1),
        ("rows of a SIRET", tab.run(_SEARCH % "99980901500012"), 1),
        ("rows of nothing", tab.run(_SEARCH % "introuvable"), 0),
        ("all rows again", tab.run(_SEARCH % ""), 12),
        ("rows of a state", tab.run(_CHOOSE % "rejetée"), 1),
    )
    yield from (f"{what}: {found}, not {due}" for what, found, due in told if found != due)
    tab.run(_FOCUS)
    for order, backwards in (("ascending", False), ("descending", True)):
        tab.press("Enter")
        totals = tab.run(_TOTALS)
        if tab.run(_SORTED) != order or totals != sorted(totals, reverse=backwards):
            yield f"not sorted {order}: {tab.run(_SORTED)} {totals}"


if __name__ == "__main__":
    sys.exit(main())
