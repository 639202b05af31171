"""``lpm models``: list, install, describe, remove and convert models."""

from __future__ import annotations

from pathlib import Path

import click

from lpm_segmentator.cli.common import PATH, output_options, print_json, progress_bar

__all__ = ["models"]


@click.group()
def models() -> None:
    """Models other than the embedded one: kept under LPM_HOME, used with --model NAME."""


@models.command(name="list")
@output_options
def list_models(*, quiet: bool, as_json: bool) -> None:
    """List the models that can be used and the published ones that can be installed."""
    from lpm_segmentator import api

    rows = api.list_models()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:20s} {row['state']:14s} {row['kind']:22s} {row['description']}")


@models.command()
@click.argument("source")
@click.option("--name", help="What to call the model.")
@click.option("--fold", "folds", multiple=True, help="Fold to take; repeat to ensemble several.")
@click.option("--configuration", help="nnU-Net configuration, such as 3d_fullres.")
@click.option("--replace", is_flag=True, help="Replace another model of that name.")
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
    """Install a model from SOURCE: a folder, a zip, an address, or a published model's name.

    Takes nnU-Net v1 and v2 result folders and zips, and ONNX files of this program.
    """
    from lpm_segmentator import api

    with progress_bar("fetching", quiet=quiet) as show:
        model = api.ModelStore().install(
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
    """Describe a model: the embedded one, or one that is installed."""
    from lpm_segmentator import api

    found = api.describe_model(name)
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        click.echo(f"{key}: {value}")


@models.command()
@click.argument("name")
@output_options
def remove(name: str, *, quiet: bool, as_json: bool) -> None:
    """Remove an installed model."""
    from lpm_segmentator import api

    api.ModelStore().remove(name)
    if as_json:
        print_json({"removed": name})
    elif not quiet:
        click.echo(f"removed {name}")


@models.command()
@click.argument("source", type=PATH)
@click.option("-o", "--output", "out", type=PATH, required=True, help="The folder to make.")
@click.option("--fold", "folds", multiple=True, help="Fold to take; repeat to ensemble several.")
@click.option("--configuration", help="nnU-Net configuration, such as 3d_fullres.")
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
    """Write an nnU-Net model in this program's own files: no pickle is left in them."""
    from lpm_segmentator import api

    path = api.convert_model(source, out, folds=folds or None, configuration=configuration)
    if as_json:
        print_json({"written": str(path)})
    elif not quiet:
        click.echo(path)
