"""What `newsclf wire-api` shows of an API."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from newsclf.cli.next_commands import after_deployment

if TYPE_CHECKING:
    from pathlib import Path

    from newsclf.cli.console import Output
    from newsclf.deploy.records import Deployment

_BODY = """-H 'content-type: application/json' -d '{"headline": "Profit rose by a third"}'"""
# curl reads the credentials from a pipe, so that they stand in no command line.
_FROM_ENVIRONMENT = (
    """printf 'user = "%s:%s"\\n%s\\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" """
    '''"${AWS_SESSION_TOKEN:+header = \\"x-amz-security-token: $AWS_SESSION_TOKEN\\"}"'''
)


def warn_of_open_api(output: Output, name: str) -> None:
    """Say what an API on AWS without authentication means."""
    output.note(
        "warning: anybody with the address can call this API at your cost;"
        f" newsclf wire-api --deployment {name} --auth iam closes it"
    )


def show_api(output: Output, deployment: Deployment, *, changed: bool, state_dir: Path) -> None:
    """Print the address of an API, a command that calls it, and what to type next."""
    if deployment.api is None:
        raise AssertionError  # it was wired, or an error was raised
    output.data(deployment.model_dump(mode="json"))
    url = f"{deployment.api.url}/classify"
    output.show(f"{deployment.name}: {url}")
    if not changed:
        output.note("already running; nothing changed")
    for line in _curl(deployment, deployment.api.auth, f"{url} {_BODY}"):
        output.note(line)
    page = deployment.target == "local" and deployment.api.shows_page
    output.note(after_deployment(deployment.name, state_dir, wired=True, page=page))


def _curl(deployment: Deployment, auth: str, request: str) -> list[str]:
    """A command that calls the API, and where its credential comes from."""
    if auth == "none":
        return [f"curl -s {request}"]
    if auth == "jwt":
        return [
            "with a file token.txt that holds `authorization: Bearer <token>`:",
            f"curl -s -H @token.txt {request}",
        ]
    if deployment.target == "aws" and auth == "iam":
        profile = f" --profile {shlex.quote(deployment.profile)}" if deployment.profile else ""
        scope = f"aws:amz:{deployment.region}:execute-api"
        return [
            "with credentials in the environment, such as by",
            f'eval "$(aws configure export-credentials --format env{profile})"',
            f"{_FROM_ENVIRONMENT} | curl -s -K - --aws-sigv4 {scope} {request}",
        ]
    # In a file, since other users can read the command line of a process.
    return [
        f"credential (readable only by you): {deployment.key_file}",
        f"curl -s -K {shlex.quote(str(deployment.key_file))} {request}",
    ]
