"""The command `limner`: serves the page, makes pictures, lists and examines providers, starts a plugin.

The app (`app.py`, `core`, `providers`, `ui`) is in the checkout, or in the wheel's `limner_app` folder. The
command puts that one folder first on the path, as Python does for a script.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

EXIT_CODES = """\
exit codes:
  0    done; of several pictures, all were made
  1    failed for another reason, or pictures failed for different ones
  2    the request, the settings or the file is wrong: nothing was sent
  3    refused by a content filter
  4    no credit, no API key, or one that is rejected
  5    try again later: a limit is reached, or the service is busy, slow or out of reach
  130  stopped by Ctrl-C (143: by SIGTERM)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code, which `EXIT_CODES` explains."""
    given = _parser([*(sys.argv[1:] if arguments is None else arguments)])
    try:
        code = _run(given)
        sys.stdout.flush()
        if arguments is None:
            _end_soon(code)
        return code
    except BrokenPipeError:  # `limner providers | head`; what is left to print has no reader
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)  # noqa: T201
        return 130
    except OSError as error:
        if error.filename is not None:  # that of a file has been said where it was written
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        kept = "what was made is kept in the store"
        print(f"Standard output cannot be written ({error.strerror}): {kept}.", file=sys.stderr)  # noqa: T201
        return 1


def _end_soon(code: int) -> None:
    """Ends the process in a while: a plugin's own thread, which nobody can stop, does not hold it up."""
    last = threading.Timer(3, os._exit, (code,))
    last.daemon = True
    last.start()


def _run(given: argparse.Namespace) -> int:
    if given.command == "new-plugin":
        from limner.installation import built_in
        from limner.new_plugin import new_plugin

        return new_plugin(given.name, Path.cwd(), built_in())
    if given.command == "completion":
        from limner.completion import print_completion

        return print_completion(given.shell, given.parser)
    from limner.installation import missing_for_app, put_first_on_path

    if problem := missing_for_app():
        print(problem, file=sys.stderr)  # noqa: T201
        return 2
    put_first_on_path()
    if given.command == "mcp":
        from ui.mcp.stdio import serve as serve_mcp  # pyright: ignore[reportMissingImports]

        return serve_mcp()
    if given.command in (None, "serve"):
        from app import main as serve  # pyright: ignore[reportMissingImports]

        address = {name: vars(given).get(name) for name in ("host", "port")}
        serve(**{name: value for name, value in address.items() if value is not None})
        return 0
    from ui.cli.commands import run  # pyright: ignore[reportMissingImports]

    return run(given)


def _parser(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the arguments; ends the process with 2 if they are wrong, and with 0 after a help."""
    parser = argparse.ArgumentParser(
        "limner",
        description="Make pictures with any image provider.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the page (the default)")
    serve.add_argument("--host", help="the address to listen on; 127.0.0.1 if left out")
    serve.add_argument("--port", type=_port, help="the port to listen on; 7860 if left out")

    generate = commands.add_parser(
        "generate",
        help="make pictures and write them to files",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_generate(generate)

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

    new = commands.add_parser("new-plugin", help="write a complete provider plugin to begin with")
    new.add_argument("name", help="the provider's name, such as watercolour")

    completion = commands.add_parser("completion", help="print the script that completes this command")
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])
    completion.set_defaults(parser=parser)
    parser.set_defaults(commands=commands.choices)

    if arguments[:1] == ["probe"]:  # what doctor starts in a process of its own, and nobody else
        commands.add_parser("probe").add_argument("--live", action="store_true")
    if arguments == ["completion", "names"]:  # what the script asks
        return argparse.Namespace(command="completion", shell=None, parser=parser)
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        command = commands.choices.get(given.command, parser)
        command.error(_unknown(unknown, command))
    return given


def _unknown(arguments: list[str], command: argparse.ArgumentParser) -> str:
    """Returns what is wrong with arguments that a command does not take, and what may be meant."""
    first = arguments[0]
    if not first.startswith("-"):
        quotes = ": put a prompt of several words in quotes" if command.prog.endswith(" generate") else ""
        return f"too many words, from {first!r} on{quotes}"
    options = command._option_string_actions  # pyright: ignore[reportPrivateUsage]
    close = get_close_matches(first.partition("=")[0], options, 1)
    return f"there is no option {first!r}" + (f"; did you mean {close[0]}?" if close else "")


def _add_generate(generate: argparse.ArgumentParser) -> None:
    generate.add_argument(
        "prompt",
        nargs="?",
        help="what to draw; if it is -, or left out, prompts are read from standard input, a line each",
    )
    generate.add_argument("-p", "--provider", help="a provider's name; the default one if left out")
    generate.add_argument("-m", "--model")
    generate.add_argument("-s", "--size", help="1024x768, or a ratio such as 3:2")
    generate.add_argument("--seed")
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
        "-o",
        "--output",
        metavar="FILE",
        help="a file, FOLDER/ for files named after their prompts, or - for standard output; "
        "a file here named after the prompt if left out",
    )
    generate.add_argument(
        "--exact-name",
        action="store_true",
        help="keep the name of FILE whatever the format of the picture",
    )
    generate.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        default=4,
        metavar="N",
        help="pictures made at once where there are several prompts; 4 if left out",
    )
    generate.add_argument(
        "--json", action="store_true", help="print a line of JSON about each picture, also about a failure"
    )


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import limner

        print(f"limner {limner.__version__}")  # noqa: T201
        parser.exit()


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("it must be a whole number from 1")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("it must be a whole number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
