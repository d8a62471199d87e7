from __future__ import annotations

from pathlib import Path

import click

from recoup.cli.output import as_json_option, emit
from recoup.mail.emails import EMAILS
from recoup.mail.preview import render_all

FOLDER = Path(".recoup/previews")


@click.group()
def mail() -> None:
    """
    Look at the mails.

    Example: recoup mail preview
    """


@mail.command()
@click.option("--only", type=click.Choice(list(EMAILS)), help="This type alone.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where the files go.",
)
@as_json_option
def preview(only: str | None, folder: Path, as_json: bool) -> None:
    """
    Write every mail from its sample, as files to look at, with an index page.

    Example: recoup mail preview --only dunning_reminder
    """
    files = render_all(folder, only=only)
    if as_json:
        emit({"files": [str(file) for file in files]})
    else:
        click.echo(f"Wrote {len(files) - 1} files. Open {files[0].absolute().as_uri()}")
