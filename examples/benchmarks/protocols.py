"""What a benchmark runs: data, order, network, budget. Nothing is tuned."""

import dataclasses

NATURAL, BY_SEED = "natural", "seeds"


@dataclasses.dataclass(frozen=True)
class Protocol:
    """All that the runs of one table have in common.

    Attributes:
        name: String.
        data: Name of a data set, as of `datasets.load`.
        data_dir: Folder of its files, or `None`.
        image_size: Int, height and width of pictures; `None`: as they are.
        train_per_class: Int: only the first of each class; `None`: all.
        test_per_class: As `train_per_class`.
        order: Of the classes. `"natural"`; `"seed1993"`, a permutation by
            that seed; or `"seeds"`: by the seed of each run, 0 for natural.
        seeds: Ints. The seed of a run decides weights and batches.
        initial: Int, 2 or more: classes of the first phase.
        increment: Int, classes of each later one.
        backbone: Name of a network in `material.BACKBONES`.
        weights: Name of its weights; `None`: random.
        learning_rate: Float, of SGD for all weights that are trained; `None`:
            the optimizers of the package.
        momentum: Float, of SGD.
        epochs: Int, of each phase, unless the recipe has epochs of its own;
            `None`: 20 on frozen features, else 5.
        batch_size: Int.
        budget: Int, exemplars in all, for methods with a memory; `None`: the
            method's own number.
        per_class: Int, exemplars of each class instead of `budget`.
        remark: What to know when comparing.
    """

    name: str = "custom"
    data: str = "digits"
    data_dir: str | None = None
    image_size: int | None = None
    train_per_class: int | None = None
    test_per_class: int | None = None
    order: str = NATURAL
    seeds: tuple = (1, 2, 3)
    initial: int = 2
    increment: int = 2
    backbone: str = "vgg16"
    weights: str | None = None
    learning_rate: float | None = None
    momentum: float = 0.9
    epochs: int | None = None
    batch_size: int = 32
    budget: int | None = None
    per_class: int | None = None
    remark: str = ""

    def __post_init__(self):
        object.__setattr__(self, "seeds", tuple(self.seeds))
        order_seed(self.order, 0)
        if self.initial < 2:
            raise ValueError(
                "`initial` must be 2 or more, so that there is a classifier "
                f"to start from. Received: initial={self.initial}."
            )
        if self.budget is not None and self.per_class is not None:
            raise ValueError(
                "Give `budget` or `per_class`, not both. Received: "
                f"budget={self.budget}, per_class={self.per_class}."
            )

    def to_dict(self):
        """All of it, as values that JSON keeps."""
        return {**dataclasses.asdict(self), "seeds": list(self.seeds)}

    @classmethod
    def from_dict(cls, values):
        """The protocol that `to_dict` wrote."""
        return cls(**values)


def order_seed(order, seed):
    """The seed that permutes the classes in a run, `None` for natural.

    Args:
        order: `"natural"`, `"seeds"`, or `"seed"` with a number behind it.
        seed: Int, that of the run.

    Returns:
        Int or `None`, as `datasets.phases` takes it.
    """
    if order == NATURAL:
        return None
    if order == BY_SEED:
        return seed or None
    number = order.removeprefix("seed")
    if number == order or not number.isdecimal():
        raise ValueError(
            '`order` must be "natural", "seeds" or like "seed1993". '
            f"Received: order={order!r}."
        )
    return int(number)


_PEERS = {
    "data": "fashion_mnist",
    "order": BY_SEED,
    "seeds": (0, 1, 2),
    "batch_size": 64,
    "budget": 500,
}
_STEPS = (
    "The peers' replay adds 64 exemplars to each step of 64 new samples; the "
    "words in the files of the runs say what ours does. "
)

S1 = Protocol(
    name="s1",
    backbone="mlp",
    learning_rate=0.03,
    epochs=1,
    remark=_STEPS + "Kernels start as the peers' do, biases and new columns "
    "from 0.",
    **_PEERS,
)
S2 = Protocol(
    name="s2",
    train_per_class=1000,
    test_per_class=500,
    backbone="cnn",
    learning_rate=0.05,
    epochs=3,
    remark=_STEPS + "Kernels start as the peers' do, biases and new columns "
    "from 0.",
    **_PEERS,
)
S3 = Protocol(
    name="s3",
    train_per_class=2000,
    image_size=64,
    backbone="vgg16",
    weights="hed",
    learning_rate=0.01,
    epochs=2,
    remark=_STEPS + "The peers' features were other ones: compare each side "
    "with its own joint training only.",
    **_PEERS,
)
PROTOCOLS = {protocol.name: protocol for protocol in (S1, S2, S3)}
