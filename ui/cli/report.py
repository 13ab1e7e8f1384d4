"""What the doctor prints of its examination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ui.cli.doctor import Report
from ui.cli.providers import line_of


def print_report(report: Report, live: Mapping[str, Any] | None) -> None:
    """Prints the report, and what became of the one picture if it was made."""
    print("Plugins")
    for entry in report.plugins:
        print(f"  {line_of(entry)}")
    order = [entry.name for entry in report.plugins if entry.kind == "middleware"]
    if order:
        print(f"  middlewares, from the outermost: {', '.join(order)}")
    for sentence in report.changes:
        print(f"  {sentence}")
    print("Settings")
    for setting in report.settings:
        print(f"  {setting.name} = {setting.value}  ({setting.origin})")
    if report.choices:
        print(f"  {report.choices}")
    for what in report.unready:
        print(f"  {what}")
    print(f"Store\n  {report.store}")
    if live:
        failure = live.get("failure") or {"what": "The picture was stopped."}
        made = "complete" if live["status"] == "complete" else f"no picture. {failure['what']}"
        print(f"Live\n  {live['provider']}: {made}")
        if failure.get("service_message"):
            print(f"  The service says: {failure['service_message']}")
        for hint in live["hints"]:
            print(f"  - {hint}")
    if not report.sound:
        print("Something is broken: see above.")
    elif live and live["status"] != "complete":
        print("Plugins, settings and store are well, but no picture was made: see above.")
    else:
        print("All is well.")
