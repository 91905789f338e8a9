"""Measure how soon the pages can be used: ``python -m bench.pages``.

Chromium loads each page over loopback, without a cache and with its CPU slowed down, from gunicorn
on a temporary database with twelve projects. Prints medians: the first contentful paint, when the
page can be used (its content is there, and no long task runs any more), and what was transferred.
"""

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import psycopg
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from app.dev.local import free_port

from . import run

ROUNDS = 5
SLOWDOWN = 4
TIMEOUT = 60  # seconds
PROJECT = "00000000-0000-7000-8000-000000000001"
PAGES = ["/dashboard", f"/dashboard/projects/{PROJECT}/give", "/dashboard/zakat"]
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
FILL = """
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
                           donor_count, donation_count, created_at)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'A well', 'water', 'USD', 1000,
       true, 0, 0, 0, 0, now()
FROM generate_series(1, 12) n
"""
# Before any script of the page: remember when its content is there, and the last long task.
WATCH = """
window.times = {shown: 0, busy: 0};
const note = () => {
  if (times.shown || !document.querySelector("h1") || document.querySelector(".skeleton")) return;
  times.shown = performance.now();
};
new MutationObserver(note).observe(document, {childList: true, subtree: true});
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) times.busy = task.startTime + task.duration;
}).observe({type: "longtask", buffered: true});
"""
READ = """
const [paint] = performance.getEntriesByName("first-contentful-paint");
if (!times.shown || !paint || performance.now() < times.busy + 500) return null;
const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
const bytes = entries.reduce((sum, entry) => sum + entry.transferSize, 0);
return [paint.startTime, Math.max(times.shown, times.busy), bytes / 1000, entries.length];
"""


def main() -> None:
    """Run the benchmark, if Chromium is installed."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        sys.exit("Chromium is not on the PATH: apt install chromium chromium-driver")
    run.with_postgres(measure)


def measure(url: str, folder: Path) -> None:
    """Print the figures of each page."""
    port = free_port()
    environment = run.make_environment(url) | {"PORT": str(port), "LOG_LEVEL": "error"}
    run.prepare(url, environment)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=run.ROOT, env=environment, stdout=log, stderr=log)
    try:
        run.wait_until_healthy(f"http://127.0.0.1:{port}/api/health")
        driver = start_browser()
        print(f"CPU slowed {SLOWDOWN}×, medians of {ROUNDS}; load {os.getloadavg()[0]:.1f}")
        print(f"{'paint ms':>10}{'usable ms':>11}{'kB':>7}{'requests':>10}  page")
        for page in PAGES:
            rounds = [load(driver, f"http://127.0.0.1:{port}{page}") for _ in range(ROUNDS)]
            paint, usable, size, requests = map(statistics.median, zip(*rounds, strict=True))
            print(f"{paint:10.0f}{usable:11.0f}{size:7.1f}{requests:10.0f}  {page}", flush=True)
        driver.quit()
    finally:
        server.terminate()
        server.wait()


def start_browser() -> webdriver.Chrome:
    """Start Chromium without a screen and with a slow CPU."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in OPTIONS:
        options.add_argument(option)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    return driver


def load(driver: webdriver.Chrome, address: str) -> list[float]:
    """Load the page without a cache; return its figures."""
    driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    driver.get("about:blank")
    driver.get(address)
    figures: list[float] = WebDriverWait(driver, TIMEOUT, poll_frequency=0.2).until(
        lambda driver: driver.execute_script(READ)
    )
    return figures


if __name__ == "__main__":
    main()
