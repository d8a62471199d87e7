from __future__ import annotations

import sys
import webbrowser
from functools import partial
from pathlib import Path

import click

from recoup import wiring
from recoup.cli.commands.mailing import send_test, suppressed, unsuppress
from recoup.cli.output import as_json_option, emit
from recoup.cli.papers import papers
from recoup.cli.progress import Bar
from recoup.config import Config
from recoup.effects import BRINGS
from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.preview import FORMATS, render_all
from recoup.pdf.fonts import INSTALL, missing

FOLDER = Path(".recoup/previews")


@click.group()
def mail() -> None:
    """
    Look at the mails, and at how they leave the house.

    Example: recoup mail preview
    """


mail.add_command(send_test)
mail.add_command(suppressed)
mail.add_command(unsuppress)


@mail.command()
@click.option("--only", type=click.Choice(list(EMAILS)), help="This type alone.")
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What is written; may be repeated. pdf: the documents that mails bring [all].",
)
@click.option("--locale", type=click.Choice(SHIPPED), help="This language alone.")
@click.option("--branded", is_flag=True, help="As your settings say who writes, and how it looks.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where the files go.",
)
@click.option("--open", "shown", is_flag=True, help="Open the page, where somebody looks.")
@as_json_option
def preview(
    only: str | None,
    formats: tuple[str, ...],
    locale: str | None,
    branded: bool,
    folder: Path,
    shown: bool,
    as_json: bool,
) -> None:
    """
    Write every mail from its sample in every language, and a page that shows them side by side.

    Example: recoup mail preview --only dunning_reminder --locale de
    """
    wanted = formats or _writable()
    if only and set(wanted) == {"pdf"} and only not in BRINGS:
        raise click.UsageError(f"{only} brings no document; these do: {', '.join(BRINGS)}")
    total = (1 if only else len(EMAILS)) * (1 if locale else len(SHIPPED))
    config = Config.load() if branded else None
    brand = None if config is None else wiring.brand(config)
    made = papers if config is None else partial(papers, issuer=wiring.issuer(config))
    with Bar("rendering", total) as bar:
        files = render_all(
            folder,
            only=only,
            locale=locale,
            formats=wanted,
            brand=brand,
            documents=made if "pdf" in wanted else None,
            progress=bar.to,
        )
    if as_json:
        emit({"index": str(files[0]), "files": [str(file) for file in files]})
        return
    page = files[0].absolute().as_uri()
    click.echo(f"Wrote {len(files) - 1} files. Open {page}")
    if not formats and "pdf" not in wanted:
        click.echo(f"Documents are left out. To have them too: {INSTALL}")
    if shown and sys.stdout.isatty():
        webbrowser.open(page)


def _writable() -> tuple[str, ...]:
    """Return what can be written here: documents only where what sets them is installed."""
    return tuple(one for one in FORMATS if one != "pdf") if missing() else FORMATS
