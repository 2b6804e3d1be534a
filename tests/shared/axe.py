"""The accessibility checker axe-core in a page of a browser test; it comes from npm, once."""

from functools import cache
from typing import Any

from tools import npm

AXE = "axe-core@4.14.1"


@cache
def source() -> str:
    """The checker's own code."""
    return (npm.fetch([AXE], npm.BUILD / "axe") / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page: Any, within: str = "html") -> list[str]:
    """Serious and critical violations inside the elements of a CSS selector: the rule, and where."""
    page.evaluate(source())
    found = page.evaluate("within => axe.run(within, {resultTypes: ['violations']})", within)
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
