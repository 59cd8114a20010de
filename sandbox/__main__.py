"""Starts the sandbox: `python -m sandbox --port 8090 --state-dir var/sandbox --connector-url http://...`."""

import ipaddress
import os
import signal
import sqlite3
from pathlib import Path
from types import FrameType

import click

from sandbox.app import create_app
from sandbox.journal import StateInUse
from sandbox.server import Handler, Server
from sandbox.state import Options, Sandbox


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="loopback address to listen on")
@click.option("--port", default=8090, type=click.IntRange(0, 65535), show_default=True, help="0 picks a free one")
@click.option(
    "--state-dir",
    default=Path("var/sandbox"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="where messages and media are kept",
)
@click.option(
    "--connector-url",
    default="http://127.0.0.1:8080/twitter-connector",
    show_default=True,
    help="base URL of the connector",
)
@click.option("--quiet", is_flag=True, help="do not print the address; whoever starts it does")
def main(host: str, port: int, state_dir: Path, connector_url: str, quiet: bool) -> None:
    """Play X, CCM and the file engine, with a page to chat on.

    CCM's messages carry the first token of CONNECTOR_API_TOKEN, if it is set.
    """
    if host != "localhost" and not _is_loopback(host):
        raise click.BadParameter(f"{host} is not a loopback address", param_hint="--host")
    server = Server(host, port, _not_ready, Handler)
    base_url = f"http://{f'[{host}]' if ':' in host else host}:{server.port}"
    try:
        sandbox = Sandbox(Options(base_url, connector_url.rstrip("/"), state_dir.resolve(), _token()))
    except StateInUse as problem:
        raise click.ClickException(str(problem)) from None
    server.app = create_app(sandbox)

    def stop(number: int, frame: FrameType | None) -> None:
        # Do not wait for threads: some may sit in a fault for minutes.
        try:
            sandbox.journal.flush()
        except sqlite3.Error as error:
            click.echo(f"sandbox: the latest changes could not be saved ({error})", err=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if not quiet:
        click.echo(f"sandbox: {base_url}/")
    server.serve_forever()


def _token() -> str:
    # Not an option: every user of the machine can read command lines.
    tokens = (token.strip() for token in os.environ.get("CONNECTOR_API_TOKEN", "").split(","))
    return next(filter(None, tokens), "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _not_ready(environ: object, start_response: object) -> list[bytes]:
    raise RuntimeError("no request is served before the application is in place")


if __name__ == "__main__":
    main()
