"""Starting from an exported model: the same output, and only from a model that fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lpm_segmentator.core import FileFormatError, InputError, ModelError
from lpm_segmentator.train.compact.config import CompactConfig
from lpm_segmentator.train.compact.recipe import Recipe, SubjectFiles
from lpm_segmentator.train.compact.run import run_recipe
from lpm_segmentator.train.compact.warm_start import load_exported
from lpm_segmentator.train.export import Softmax, export_onnx
from lpm_segmentator.train.network import CompactUNet

WIDTHS = (4, 8, 12)


@pytest.fixture(scope="module")
def trained() -> CompactUNet:
    torch.manual_seed(0)
    network = CompactUNet(WIDTHS)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(4):  # normalisations that differ from their initial values
        optimiser.zero_grad()
        network(torch.randn(4, 3, 24, 32) * 2 + 1).square().mean().backward()
        optimiser.step()
    return network.eval()


@pytest.fixture(scope="module")
def exported(trained: CompactUNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "compact.onnx"
    export_onnx(
        Softmax(trained),
        path,
        channels=3,
        multiple=trained.multiple,
        outputs=("probability",),
        metadata={},
    )
    return path


def test_the_network_gives_the_output_of_the_exported_one(
    trained: CompactUNet, exported: Path
) -> None:
    images = torch.randn(6, 3, 24, 32, generator=torch.Generator().manual_seed(1)) * 2 + 1
    network = CompactUNet(WIDTHS)
    load_exported(network, exported, images)
    torch.testing.assert_close(network.eval()(images), trained(images), rtol=1e-4, atol=1e-4)
    # In training mode the statistics are those of the batch, which are the ones that were set.
    torch.testing.assert_close(network.train()(images), trained(images), rtol=1e-3, atol=1e-3)


def test_another_network_is_refused(exported: Path) -> None:
    with pytest.raises(ModelError, match=r"encoder.*expected \(8,"):
        load_exported(CompactUNet((8, 8, 12)), exported, torch.randn(2, 3, 24, 32))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(FileFormatError, match="ONNX"):
        load_exported(CompactUNet(WIDTHS), path, torch.randn(2, 3, 24, 32))
    with pytest.raises(FileFormatError):
        load_exported(CompactUNet(WIDTHS), tmp_path / "none.onnx", torch.randn(2, 3, 24, 32))


def test_leave_one_out_from_a_single_model_is_refused(exported: Path, tmp_path: Path) -> None:
    subjects = tuple(SubjectFiles(name, "", "", "") for name in "AB")
    recipe = Recipe("x", "1", "", "", "", subjects, CompactConfig())
    with pytest.raises(InputError, match="left out"):
        run_recipe(recipe, [tmp_path], tmp_path, leave_one_out=True, start=exported)
