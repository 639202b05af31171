"""What is seen in a picture: pixels of a colour, and words."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont
from scipy import ndimage

_TOLERANCE = 50

Found = tuple[int, int, int, int]


def pixels(picture: Image.Image) -> np.ndarray:
    """Rows, columns and colours."""
    return np.asarray(picture.convert("RGB")).astype(np.int16)


def distance(shown: np.ndarray, colour: str) -> np.ndarray:
    """Largest difference of a channel from a colour, for each pixel."""
    return np.abs(shown - np.array(ImageColor.getrgb(colour))).max(axis=-1)


def hued(shown: np.ndarray, colour: str) -> np.ndarray:
    """Pixels that are a colour, or a mixture of it with black: where a line of it is."""
    wanted = np.array(ImageColor.getrgb(colour), float)
    length = np.linalg.norm(shown, axis=-1)
    share = (shown @ wanted) / np.maximum(length * np.linalg.norm(wanted), 1e-9)
    return (share > 0.995) & (length > 60)


def written(words: str, colour: str, size: int, *, bold: bool = False) -> np.ndarray:
    """Words on black, cut to the letters."""
    font = ImageFont.load_default(size)
    box = font.getbbox(words)
    whole = Image.new("RGB", (int(box[2]) + 9, int(box[3]) + 9))
    for column in range(4, 5 + bold):
        ImageDraw.Draw(whole).text((column, 4), words, colour, font)
    return pixels(whole.crop(whole.getbbox()))


def find_words(
    shown: np.ndarray, words: str, colour: str, size: int, *, bold: bool = False
) -> list[Found]:
    """Left, top, right and bottom of each place at which words stand.

    Only the pixels that letters cover almost completely are compared, so that the words may lie on
    an image.
    """
    letters = written(words, colour, size, bold=bold)
    height, width = letters.shape[:2]
    if shown.shape[0] < height or shown.shape[1] < width:
        return []
    covered = np.argwhere(distance(letters, colour) < _TOLERANCE)
    assert len(covered) > 3
    is_colour = distance(shown, colour) < _TOLERANCE
    rows, columns = shown.shape[0] - height + 1, shown.shape[1] - width + 1
    fits = np.ones((rows, columns), bool)
    for row, column in covered:
        fits &= is_colour[row : row + rows, column : column + columns]
    # Letters fit some pixels beside their place as well: the best place counts.
    places, count = ndimage.label(ndimage.binary_dilation(fits, iterations=2))
    misses = np.full(fits.shape, np.inf)
    for y, x in np.argwhere(fits):
        misses[y, x] = np.abs(shown[y : y + height, x : x + width] - letters).sum()
    best = ndimage.minimum_position(misses, places, range(1, count + 1))
    return [(int(x), int(y), int(x) + width, int(y) + height) for y, x in best]


def says(shown: np.ndarray, words: str, colour: str, size: int) -> bool:
    """Whether a part of a picture shows these words and nothing else."""
    rows, columns = (np.flatnonzero(shown.any(axis=(axis, 2))) for axis in (1, 0))
    if not rows.size:
        return False
    cut = shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.array_equal(cut, written(words, colour, size))
