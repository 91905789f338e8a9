"""Faults of pages that a program can find: axe-core's findings, and content that is too wide."""

from .node_tools import node_modules

RUN_AXE = """
const done = arguments[arguments.length - 1];
const describe = ({id, impact, nodes}) => `${id} (${impact}): ${nodes.map((n) => n.html)}`;
axe.run(document).then(({passes, violations}) => done([passes.length, violations.map(describe)]));
"""
EXCESS_WIDTH = "return document.documentElement.scrollWidth - innerWidth"
VIEWS = ((1280, "light", "en"), (320, "dark", "ar"))  # width in pixels, colour scheme, language


def find_faults(browser, pages, prepare=lambda page: None, views=VIEWS) -> dict:
    """Open the pages in each view and return the faults found, by page and view.

    ``prepare(page)`` does what shows the rest of a page.
    """
    faults = {}
    for width, scheme, language in views:
        browser.resize(width, scheme)
        for page in pages:
            browser.open(page, language)
            prepare(page)
            found = find_violations(browser)
            if (excess := browser.script(EXCESS_WIDTH)) > 0:
                found.append(f"{excess} pixels wider than the window")
            if found:
                faults[page, width, scheme, language] = found
    return faults


def find_violations(browser) -> list[str]:
    """Return axe-core's findings on the page that is open."""
    browser.script((node_modules() / "axe-core" / "axe.min.js").read_text())
    passes, violations = browser.driver.execute_async_script(RUN_AXE)
    assert passes > 10  # rules that apply to the page
    return violations
