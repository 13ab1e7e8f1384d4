"""How soon the page is there and can be used, beside an empty Gradio app, in Chromium.

`python -m benchmarks.page` loads each in turn, with an empty cache and then again in the same browser. The
composer can be used once it answers a keystroke.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks.measuring import print_table
from benchmarks.start import APPS, free_port, started
from tests.conftest import QUIET, find_chromium

TIMES = 5
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""Nothing is loaded from elsewhere."""
LOOK = """
const seen = { shift: 0, usable: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
const looking = setInterval(() => {
  const box = document.querySelector("#limner-prompt, #limner textarea");
  if (!box) return;
  box.value = "a";
  box.dispatchEvent(new Event("input", { bubbles: true }));
  if (document.querySelector("#limner-create").getAttribute("aria-disabled") !== "false") return;
  seen.usable = performance.now();
  clearInterval(looking);
}, 5);
window.seen = seen;
"""
SEEN = """() => ({
  ...window.seen,
  painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
})"""


def main() -> None:
    """Loads both pages cold and warm, and prints the medians beside those of the empty app."""
    found: dict[tuple[str, str], list[Sequence[float]]] = {}
    empty, limner = APPS
    ports = {name: free_port() for name in APPS}
    with (
        started(APPS[empty], port=ports[empty]),
        started(APPS[limner], port=ports[limner]),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*QUIET, ALONE])
        for _ in range(TIMES):
            for name, port in ports.items():
                context = browser.new_context(viewport={"width": 1280, "height": 800})
                context.add_init_script(LOOK)
                for cache in ("cold", "warm"):
                    found.setdefault((name, cache), []).append(_load(context, port))
                context.close()
        browser.close()
    rows: list[list[str]] = []
    for (name, cache), loads in found.items():
        painted, usable, shift, size, requests = map(median, zip(*loads, strict=True))
        of_empty = painted / median(load[0] for load in found[empty, cache])
        composer = f"{usable:.0f} ms" if usable else ""
        row = [f"{painted:.0f} ms", f"{of_empty:.2f}", composer, f"{shift:.3f}"]
        rows.append([f"{name}, {cache}", *row, f"{size / 1000:.0f} kB", f"{requests:.0f}"])
    heads = ("page, cache", "first paint", "of the empty app", "composer", "shift", "bytes", "requests")
    print_table(heads, rows)


def _load(context: BrowserContext, port: int) -> tuple[float, float, float, float, float]:
    """Returns when a page is painted and can be used, how far it shifts, its bytes, and its requests."""
    page = context.new_page()
    sizes: list[float] = []
    network = context.new_cdp_session(page)
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    network.send("Network.enable")
    page.goto(f"http://127.0.0.1:{port}/", wait_until="load")
    page.wait_for_timeout(3000)  # the page's own stream of events never ends: no time without requests comes
    seen = page.evaluate(SEEN)
    page.close()
    return seen["painted"], seen["usable"], seen["shift"], sum(sizes), sum(size > 0 for size in sizes)


if __name__ == "__main__":
    main()
