"""The command `limner`: serves the page, makes a picture, lists and examines providers, starts a plugin.

The app (`app.py`, `core`, `providers`, `ui`) is in the checkout, or in the wheel's `limner_app` folder. The
command puts that one folder first on the path, as Python does for a script.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 failed, 2 refused."""
    given = _parser().parse_args(arguments)
    if given.command == "new-plugin":
        from limner.new_plugin import new_plugin

        return new_plugin(given.name, Path.cwd(), _built_in())
    if problem := _open_app():
        print(problem, file=sys.stderr)  # noqa: T201
        return 2
    if given.command in (None, "serve"):
        from app import main as serve  # pyright: ignore[reportMissingImports]

        serve()
        return 0
    if given.command == "mcp":
        from ui.mcp.stdio import serve as serve_mcp  # pyright: ignore[reportMissingImports]

        return serve_mcp()
    from ui.cli.commands import run  # pyright: ignore[reportMissingImports]

    return run(given)


def _app_folder() -> Path | None:
    here = Path(__file__).resolve().parent.parent
    return next((f for f in (here / "limner_app", here) if (f / "core" / "__init__.py").is_file()), None)


def _built_in() -> set[str]:
    """Returns the names of the providers that come with this installation."""
    folder = _app_folder()
    return {path.stem for path in (folder / "providers").glob("[a-z]*")} if folder else set()


def _open_app() -> str | None:
    """Puts the app's folder first on the path; returns what is missing if the app cannot run."""
    folder = _app_folder()
    if folder is None:
        return (
            "This installation of limner has no app in it: install it again with pip install 'limner[app]'."
        )
    missing = [
        name for name in ("gradio", "limits", "pydantic_settings", "jinja2") if find_spec(name) is None
    ]
    if missing:
        return f"The app needs {', '.join(missing)}: install it with pip install 'limner[all]'."
    sys.path.insert(0, str(folder))
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("limner", description="Make pictures with any image provider.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    commands.add_parser("serve", help="serve the page (the default)")

    generate = commands.add_parser("generate", help="make one picture and write it to a file")
    generate.add_argument("prompt")
    generate.add_argument("-p", "--provider", help="a provider's name; the default one if left out")
    generate.add_argument("-m", "--model")
    generate.add_argument("-s", "--size", help="1024x768, or a ratio such as 3:2")
    generate.add_argument("--seed", type=int)
    generate.add_argument("--negative-prompt")
    generate.add_argument(
        "-i",
        "--image",
        action="append",
        default=[],
        metavar="FILE",
        help="a picture to edit, or to go by; may be repeated",
    )
    generate.add_argument(
        "--mask", metavar="FILE", help="white, or transparent, where the first picture may change"
    )
    generate.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the model; may be repeated",
    )
    generate.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="named after the prompt if left out"
    )
    generate.add_argument(
        "--exact-name",
        action="store_true",
        help="keep the name of FILE whatever the format of the picture",
    )
    generate.add_argument("--json", action="store_true", help="print what is known about the picture as JSON")

    providers = commands.add_parser("providers", help="list the providers")
    providers.add_argument("--json", action="store_true")

    doctor = commands.add_parser("doctor", help="examine plugins, settings and the store")
    doctor.add_argument(
        "--live", metavar="NAME", help="make one real picture with this provider; it may cost money"
    )
    doctor.add_argument("--json", action="store_true")

    recipe = commands.add_parser("recipe", help="print the settings for a compatible server, or add them")
    recipe.add_argument(
        "name", nargs="?", metavar="NAME", help="such as together; all are listed if left out"
    )
    recipe.add_argument("--write", action="store_true", help="add it to the settings file")

    commands.add_parser("mcp", help="offer the tools for assistants (MCP) on standard input and output")
    key = commands.add_parser("key", help="make an API key for a client, a program of its own")
    key.add_argument("action", choices=["new"])
    key.add_argument("name", metavar="NAME", help="the client's name in the settings, such as notebook")
    key.add_argument("--write", action="store_true", help="add it to the settings file")

    probe = commands.add_parser("probe")  # what doctor starts in a process of its own
    probe.add_argument("--live", action="store_true")

    new = commands.add_parser("new-plugin", help="write a complete provider plugin to begin with")
    new.add_argument("name", help="the provider's name, such as watercolour")
    return parser


if __name__ == "__main__":
    sys.exit(main())
