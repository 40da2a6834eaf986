"""Images with captions in tar files of WebDataset: the members `NAME.jpg`, `NAME.txt` and `NAME.json` are one sample.

The files are on a local disk, where each image can be read by its place in the file. timm's reader of WebDataset
converts each label to an integer, so it cannot return captions.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..errors import UserError, listed

__all__ = ['TarImages', 'TarMember', 'read_tars']

TAR = '.tar'
#: Endings of images that are looked for, the preferred one first.
_IMAGES = 'jpg;jpeg;png;webp'


class TarMember(NamedTuple):
    """A file in a tar file.

    Attributes:
        tar: The tar file.
        name: The name of the member.
        start: Its first byte.
        size: Its number of bytes.
    """

    tar: Path
    name: str
    start: int
    size: int


class TarImages:
    """A reader of images in tar files, as timm's readers are: the label of an image is its row.

    Args:
        members: The places of the images.
    """

    def __init__(self, members: Sequence[TarMember]) -> None:
        self.members = members

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, row: int) -> tuple[io.BytesIO, int]:
        member = self.members[row]
        with member.tar.open('rb') as file:
            file.seek(member.start)
            return io.BytesIO(file.read(member.size)), row

    def filename(self, row: int, absolute: bool = False) -> str:
        """Return the path of the tar file and the name of the image in it."""
        return f'{self.members[row].tar}/{self.members[row].name}'


def read_tars(pattern: str, endings: str | None) -> dict[str, list[Any]]:
    """Return the columns of the samples of tar files: `image`, a `TarMember`; `caption`; and the fields of the JSON.

    Args:
        pattern: A path, or many as `pairs-{000..009}.tar` or `pairs-*.tar`.
        endings: Endings of the images, such as `jpg;png`; None for the usual ones.

    Raises:
        UserError: there is no such file, it is no tar file, its JSON is none, or samples have no image.
    """
    wanted = (endings or _IMAGES).lower().replace('.', '').split(';')
    samples: dict[str, dict[str, Any]] = {}
    for path in _expanded(pattern):
        try:
            with tarfile.open(path, 'r:') as tar:
                for member in tar:
                    name = PurePosixPath(member.name)
                    base, _, ending = name.name.partition('.')
                    if not member.isfile() or not base:
                        continue
                    sample = samples.setdefault(f'{path}/{name.parent / base}', {})
                    content = tar.extractfile(member) if ending in ('txt', 'json') else None
                    if content is None:
                        sample[ending.lower()] = TarMember(path, member.name, member.offset_data, member.size)
                    elif ending == 'txt':
                        sample['caption'] = content.read().decode()
                    else:
                        sample['json'] = json.loads(content.read())
        except (OSError, tarfile.TarError, ValueError) as error:
            raise UserError(f'{path} cannot be read as a tar file of images and captions: {error}') from error
    images = [
        next((sample[ending] for ending in wanted if isinstance(sample.get(ending), TarMember)), None)
        for sample in samples.values()
    ]
    missing = [name for name, image in zip(samples, images, strict=True) if image is None]
    if missing:
        raise UserError(
            f'{pattern}: no image with the ending {" or ".join(wanted)} in the sample {listed(missing, 3)}; name the '
            'endings by --input-key'
        )
    rows = [{**(s['json'] if isinstance(s.get('json'), dict) else {}), **s} for s in samples.values()]
    fields = {key: None for row in rows for key, value in row.items() if not isinstance(value, (dict, TarMember))}
    return {key: [row.get(key) for row in rows] for key in fields} | {'image': images}


def _expanded(pattern: str) -> list[Path]:
    """The files that a pattern names."""
    found = re.fullmatch(r'(.*)\{(\d+)\.\.(\d+)\}(.*)', pattern)
    if found:
        before, low, high, after = found.groups()
        names = [f'{before}{n:0{len(low)}}{after}' for n in range(int(low), int(high) + 1)]
    else:
        path = Path(pattern)
        names = [pattern] if path.is_file() else sorted(str(file) for file in path.parent.glob(path.name))
    missing = [name for name in names if not Path(name).is_file()] if names else [pattern]
    if missing:
        raise UserError(f'--dataset {pattern}: no such file: {listed(missing, 3)}')
    return [Path(name) for name in names]
