"""The command that writes the features of a split into a file."""

from ..config.features import ExtractConfig
from ..errors import UserError
from ..evaluate.features import Features, FeatureSource, read_features, write_features
from ..evaluate.results import check_file
from ..train.device import resolve_device

__all__ = ['extract']


def extract(config: ExtractConfig) -> Features:
    """Write the features of a split, and return them; a file that holds them already is left as it is.

    Args:
        config: The model, the images and the file.

    Raises:
        UserError: The model or the data does not exist or does not fit, or the file holds other features.
        TrainingError: The file could not be written.
    """
    if config.file.output is None:
        raise UserError('give --output, the file to write the features into')
    path = check_file('--output', config.file.output, ('.safetensors',))
    source = FeatureSource(config, resolve_device(config.device.device))
    if path.exists() and not config.file.overwrite:
        try:
            features = read_features(path, source.identity)
        except UserError as error:
            raise UserError(f'--output {error}; give another name, or --overwrite') from error
        print(f'{path}: up to date, {features}')
        return features
    features = source.compute()
    write_features(path, features)
    print(f'{path}: {features}')
    return features
