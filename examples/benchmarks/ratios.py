"""How large a measurement is, and what comes out of it."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        picture: Int. Height and width of pictures.
        filters: Filters of the stages of the ResNet.
        blocks: Int. Residual blocks in each stage.
        widths: Filters of the blocks of the VGG.
        batch: Int. Rows of a batch of the ResNet, a multiple of 4.
        steps: Int. Steps of an epoch of the ResNet.
        vgg_batch: Int.
        vgg_steps: Int.
        features: Int. Width of cached features.
        head_steps: Int. Steps of an epoch on cached features.
        lesson: Int. Pictures in a lesson.
        lesson_picture: Int. Their height and width.
        epochs: Ints, for how many epochs a lesson is learnt.
        solved: Int. Pictures in a lesson from which a head is solved.
        growths: Two ints, the growths to compare.
    """

    picture: int = 32
    filters: tuple[int, ...] = (16, 32, 64)
    blocks: int = 2
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    batch: int = 32
    steps: int = 8
    vgg_batch: int = 8
    vgg_steps: int = 3
    features: int = 512
    head_steps: int = 400
    lesson: int = 96
    lesson_picture: int = 32
    epochs: tuple[int, ...] = (1, 5, 10)
    solved: int = 100
    growths: tuple[int, int] = (10, 1000)


TOY = Size(
    picture=8,
    filters=(4,),
    blocks=0,
    widths=(4,),
    batch=4,
    steps=2,
    vgg_batch=2,
    vgg_steps=1,
    features=4,
    head_steps=2,
    lesson=8,
    lesson_picture=8,
    epochs=(1, 2),
    solved=20,
    growths=(1, 2),
)
SMALL = Size()
FULL = Size(
    steps=25, vgg_steps=6, head_steps=2000, lesson=256, lesson_picture=64
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: ratios of pairs that were measured in turn.

    Attributes:
        name: String.
        ratios: Array of shape `(rounds, 2)`: of CPU time and of wall time.
        aim: Float, or `None` where there is none.
        at_least: Bool. Whether the aim is to be exceeded.
    """

    name: str
    ratios: np.ndarray
    aim: float | None = None
    at_least: bool = False

    @property
    def quartiles(self):
        """Array of shape `(3, 2)`: lower quartile, median, upper one."""
        return np.quantile(self.ratios, (0.25, 0.5, 0.75), axis=0)

    @property
    def verdict(self):
        """`"yes"` or `"no"`; `"unclear"` if quartiles of CPU time differ."""
        if self.aim is None:
            return ""
        sign = -1 if self.at_least else 1
        low, middle, high = sorted(sign * self.quartiles[:, 0])
        if middle > sign * self.aim >= low:
            return "unclear"
        return "yes" if middle <= sign * self.aim else "no"

    @property
    def words(self):
        """The line of the table."""
        (low, _), (cpu, wall), (high, _) = self.quartiles
        sign = ">" if self.at_least else "<"
        aim = "" if self.aim is None else f"{sign} {self.aim:.2f}"
        return (
            f"{self.name:<58}{cpu:6.3f}  [{low:.3f}, {high:.3f}]"
            f"{wall:8.3f}  {aim:<7} {self.verdict}"
        )

    def get_config(self):
        """All of it, for a JSON file."""
        low, middle, high = self.quartiles.tolist()
        return {
            "name": self.name,
            "cpu": {"median": middle[0], "quartiles": [low[0], high[0]]},
            "wall": {"median": middle[1], "quartiles": [low[1], high[1]]},
            "aim": self.aim,
            "reached": self.verdict,
        }


def rows_of(times, lines):
    """Rows of ratios.

    Args:
        times: Dict from names to arrays of shape `(rounds, 2)`.
        lines: Tuples `(name, of what, to what, aim)`.
    """
    return [
        Row(name, times[top] / times[bottom], aim)
        for name, top, bottom, aim in lines
    ]
