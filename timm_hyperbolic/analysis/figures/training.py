"""Training curves."""

from matplotlib.figure import Figure

from ..history import History
from .style import BLUE, GREY, INK, WIDE, clean, new_figure

__all__ = ['history_figure']


def history_figure(history: History, width: float = WIDE) -> Figure:
    """Draw loss, accuracy and learning rate by epoch; a dot marks the epoch of highest accuracy.

    Args:
        history: the result of `read_history`.
        width: of the figure in inches.
    """
    beside = 3 if width >= WIDE else 1
    figure = new_figure(width, 2.5 if beside == 3 else 6)
    epochs = [epoch + 1 for epoch in history.epochs]
    loss, accuracy, rate = figure.subplots(3 // beside, beside, squeeze=False).flat
    marker = 'o' if len(epochs) <= 20 else ''
    style = {'marker': marker, 'markersize': 3.5, 'linewidth': 1.6}
    loss.plot(epochs, history.train_loss, color=GREY, label='training', **style)
    loss.plot(epochs, history.eval_loss, color=BLUE, label='evaluation', **style)
    loss.legend(fontsize=8.5, frameon=False)
    accuracy.plot(epochs, history.eval_top1, color=BLUE, **style)
    best = history.best
    accuracy.plot(epochs[best], history.eval_top1[best], 'o', color=INK, markersize=6)
    accuracy.annotate(
        f'{history.eval_top1[best]:.1f} %',
        (epochs[best], history.eval_top1[best]),
        xytext=(0, 7),
        textcoords='offset points',
        ha='right' if best >= len(epochs) / 2 else 'left',
        fontsize=9,
        color=INK,
    )
    rate.plot(epochs, history.lr, color=GREY, **style)
    for axes, title in ((loss, 'loss'), (accuracy, 'Top-1, evaluation, %'), (rate, 'learning rate')):
        clean(axes)
        axes.set_title(title, fontsize=10, loc='left', color=INK)
        axes.set_xlabel('epoch', fontsize=9)
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
        axes.margins(y=0.18 if axes is accuracy else 0.08)
    return figure
