"""``lpm models``: list, install, describe, remove and convert models."""

from __future__ import annotations

from pathlib import Path

import click

from lpm_segmentator.cli.common import PATH, output_options, print_json, progress_bar

__all__ = ["models"]

_FOLDS = click.option(
    "--fold",
    "folds",
    multiple=True,
    help="Fold to use; may be repeated. Default: all numbered folds, averaged.",
)
_CONFIGURATION = click.option(
    "--configuration",
    help="nnU-Net configuration, such as 3d_fullres, where the source holds several.",
)


@click.group()
def models() -> None:
    """Manage models other than the embedded one.

    Models are kept under LPM_HOME and used with --model NAME.
    """


@models.command(name="list")
@output_options
def list_models(*, quiet: bool, as_json: bool) -> None:
    """List the available models, and the published models that can be installed."""
    from lpm_segmentator.models import list_models

    rows = list_models()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:20s} {row['state']:14s} {row['kind']:22s} {row['description']}")
        if "page" in row:
            click.echo(
                f"  to install it, download {row['file']} from {row['page']} with a browser, then "
                f"run: lpm models install {row['file']} --name {row['name']}"
            )


@models.command()
@click.argument("source")
@click.option("--name", help="Name of the model. Default: taken from the source.")
@_FOLDS
@_CONFIGURATION
@click.option("--replace", is_flag=True, help="Replace a different model of the same name.")
@output_options
def install(
    source: str,
    name: str | None,
    folds: tuple[str, ...],
    configuration: str | None,
    *,
    replace: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Install a model.

    SOURCE is a folder, a zip file, an address (https://…) or the name of a published model.
    Supported are nnU-Net v1 and v2 results folders and zips, and ONNX files of this program.
    """
    from lpm_segmentator.models import ModelStore

    with progress_bar("downloading", quiet=quiet) as show:
        model = ModelStore().install(
            source,
            name=name,
            folds=folds or None,
            configuration=configuration,
            replace_existing=replace,
            progress=show,
        )
    if as_json:
        print_json(model.to_dict())
    elif not quiet:
        click.echo(f"installed {model.name}; use it with --model {model.name}")


@models.command()
@click.argument("name")
@output_options
def info(name: str, *, quiet: bool, as_json: bool) -> None:
    """Describe an installed model or the embedded one (NAME: embedded)."""
    from lpm_segmentator.models import describe_model

    description = describe_model(name)
    if as_json:
        print_json(description)
        return
    for key, value in description.items():
        if key == "adaptation":
            click.echo(f"{key}:")
            for entry, content in value.items():
                separator = "\n" if "\n" in str(content) else " "
                click.echo(f"  {entry}:{separator}{content}")
        else:
            click.echo(f"{key}: {value}")


@models.command()
@click.argument("name")
@output_options
def remove(name: str, *, quiet: bool, as_json: bool) -> None:
    """Remove an installed model."""
    from lpm_segmentator.models import ModelStore

    ModelStore().remove(name)
    if as_json:
        print_json({"removed": name})
    elif not quiet:
        click.echo(f"removed {name}")


@models.command()
@click.argument("source", type=PATH)
@click.option("-o", "--output", "out", type=PATH, required=True, help="Folder to create.")
@_FOLDS
@_CONFIGURATION
@output_options
def convert(
    source: Path,
    out: Path,
    folds: tuple[str, ...],
    configuration: str | None,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Convert an nnU-Net model to JSON and plain arrays, without any pickle."""
    from lpm_segmentator.models import convert_model

    path = convert_model(source, out, folds=folds or None, configuration=configuration)
    if as_json:
        print_json({"written": str(path)})
    elif not quiet:
        click.echo(path)
