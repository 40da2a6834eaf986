import numpy as np
import pytest
from PIL import Image
from torch._utils import ExceptionWrapper

from timm_hyperbolic.data.images import ImageError, Images, to_eight_bits, to_mode
from timm_hyperbolic.errors import UserError

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


class Files:
    """A reader of files, as those of timm are."""

    def __init__(self, *paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, row):
        return self.paths[row].open('rb'), row

    def filename(self, row, basename=False, absolute=False):
        return self.paths[row]


def ramp(mode: str, path) -> Image.Image:
    """The grey values in a mode, as far as it has room for them."""
    image = Image.fromarray(GREY)
    if mode == '1':
        return image.point(lambda value: 255 * (value > 127), '1')
    if mode.startswith('I;16'):
        values = GREY.astype(np.uint16) * 257
        return Image.frombytes(mode, image.size, values.astype('>u2' if mode == 'I;16B' else '<u2').tobytes())
    if mode == 'I':  # that of 16 bits in this format
        Image.fromarray(GREY.astype(np.int32) * 257).save(path)
        return Image.open(path)
    if mode == 'PA':
        return image.convert('P').convert('PA')
    return (image if mode in ('L', 'LA', 'P') else image.convert('RGB')).convert(mode)


@pytest.mark.parametrize('wanted', ['L', 'RGB'])
@pytest.mark.parametrize(
    'mode', ['1', 'L', 'LA', 'P', 'PA', 'I;16', 'I;16B', 'I', 'RGB', 'RGBA', 'CMYK', 'YCbCr', 'LAB', 'HSV']
)
def test_grey_values_are_the_same_in_every_mode(tmp_path, mode, wanted):
    source = ramp(mode, tmp_path / 'image.ppm')
    image = to_mode(source, wanted)
    assert (source.mode, image.mode) == (mode, wanted)
    expected = np.where(GREY > 127, 255, 0) if mode == '1' else GREY.astype(int)
    difference = np.abs(np.asarray(image).T.astype(int) - expected.T)
    assert difference.max() <= {'LAB': 3, 'CMYK': 1, 'YCbCr': 1, 'HSV': 1}.get(mode, 0)


def test_sixteen_bits_are_reduced_as_pillow_reduces_colours(tmp_path):
    values = np.linspace(0, 65535, 1600).reshape(40, 40).astype(np.uint16)
    reduced = np.asarray(to_eight_bits(Image.fromarray(values)))
    assert np.array_equal(reduced, values // 256)
    assert (reduced == 255).mean() < 0.01


@pytest.mark.parametrize(
    ('pixels', 'message'),
    [
        (np.full((4, 4), 0.5, np.float32), r'1\.tif: its pixels are floating-point numbers \(.*mode F\).*8 or 16 bits'),
        (np.full((4, 4), np.nan, np.float32), r'1\.tif: its pixels are floating-point numbers, some .* not finite'),
        (np.full((4, 4), 70000, np.int32), r'1\.tif: its pixels are whole numbers of 32 bits \(.*mode I\)'),
    ],
)
def test_pixels_of_no_known_range_are_refused_in_one_line(tmp_path, pixels, message):
    Image.fromarray(GREY).save(tmp_path / '0.tif')
    Image.fromarray(pixels).save(tmp_path / '1.tif')
    images = Images(Files(tmp_path / '0.tif', tmp_path / '1.tif'), [0, 1], None, 'split train')
    assert images[0][0].size == (16, 16)
    with pytest.raises(UserError, match=message) as error:
        images[1]
    # As a loader's process passes it on, with the traceback.
    passed_on = ExceptionWrapper((type(error.value), error.value, error.tb), 'in DataLoader worker process 0')
    with pytest.raises(ImageError) as again:
        passed_on.reraise()
    assert str(again.value) == str(error.value)
    assert str(error.value).startswith(str(tmp_path))


def test_a_mode_that_pillow_does_not_convert():
    with pytest.raises(ImageError, match=r'conversion from La to .* not supported; save it as a grey or colour image'):
        to_mode(Image.new('La', (4, 4)), 'RGB')


def test_a_file_that_cannot_be_read_is_told_once_and_the_next_one_takes_its_place(tmp_path, capsys):
    paths = [tmp_path / f'{row}.png' for row in range(3)]
    for path in paths:
        Image.fromarray(GREY).save(path)
    paths[1].write_bytes(paths[1].read_bytes()[:50])
    paths[2].write_bytes(b'none')
    images = Images(Files(*paths), [5, 6, 7], None, 'split train')
    assert [images[row][1] for row in (0, 1, 2, 1, 2)] == [5] * 5
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f'{paths[1]} cannot be read: ')
    assert lines[1] == f'{paths[2]} cannot be read: no image; the next image takes its place'
    paths[0].unlink()
    with pytest.raises(ImageError, match=r'50 images in a row cannot be read, the last of them: .*1\.png'):
        images[0]
