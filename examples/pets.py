"""`quickstart.py --data cats_vs_dogs`: a third class for the Keras guide.

The model is that of the guide "Transfer learning & fine-tuning": a frozen
network, dropout and `Dense(1)`. It tells cats from dogs, then learns a class
that is neither. What that costs the old classes is measured for three amounts
of old data: exemplars, features seen once, and nothing at all.
"""

import benchmarks
import keras
import numpy as np

import keras_incremental as ki

EPOCHS = 20
LIMIT = 500
EXEMPLARS = 20
PETS = ["cat", "dog"]
THIRD = {"digits": "digit", "fashion_mnist": "garment"}


def run(options):
    keras.utils.set_random_seed(options.seed)
    limit = options.limit or LIMIT
    pets = read(options.data, options.data_dir, options.size, limit)
    # The ten kinds of digits, or of garments, are one class here.
    each = max(limit // 25, 1)
    third = read(options.third, options.third_dir, options.size, each)
    name = THIRD[options.third]
    introduce(pets, third, name, options)
    model = guide_model(pets, options)
    reports = {
        words: learn(classifier, pets, third, name)
        for words, classifier in classifiers(model, pets)
    }
    print(f"\nafter learning '{name}' with\n")
    for words, report in reports.items():
        print_row(words, name, report)
    print(f"\nin full, of the first:\n\n{next(iter(reports.values()))}\n")


def read(name, folder, size, limit):
    return benchmarks.load(
        name,
        data_dir=folder,
        image_size=size,
        train_per_class=limit,
        test_per_class=max(limit // 2, 1),
    )


def introduce(pets, third, name, options):
    trained = "random" if options.weights == "none" else "trained on ImageNet"
    print(f"keras_incremental {ki.__version__} on {keras.backend.backend()}")
    print(f"EfficientNet-Lite0, frozen: {trained}")
    for words, data in (("cat or dog", pets), (name, third)):
        print(
            f"{words}: {len(data.x_train)} pictures to learn, "
            f"{len(data.x_test)} to test, {options.size} x {options.size} "
            "pixels"
        )


def guide_model(pets, options):
    """The classifier of the guide; its head is trained on features."""
    base = pretrained(options)
    base.trainable = False
    dropout, dense = keras.layers.Dropout(0.2), keras.layers.Dense(1)
    features = base.predict(pets.x_train, verbose=0)
    head = keras.Sequential([keras.Input(features.shape[1:]), dropout, dense])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    head.compile(keras.optimizers.Adam(), loss)
    head.fit(features, pets.y_train, epochs=EPOCHS, verbose=0)
    inputs = keras.Input(base.input_shape[1:])
    x = base(inputs, training=False)
    return keras.Model(inputs, dense(dropout(x)))


def pretrained(options):
    shape = (options.size, options.size, 3)
    weights = None if options.weights == "none" else "imagenet"
    return benchmarks.efficientnet_lite0(shape, weights)


def classifiers(model, pets):
    """Classifiers that differ in what they keep of cats and dogs."""
    memory = ki.ExemplarMemory(EXEMPLARS, per_class=True)
    classifier = ki.IncrementalClassifier(model, PETS, memory=memory)
    classifier.remember(pets.x_train, pets.y_train)
    yield f"{EXEMPLARS} exemplars per class", classifier
    classifier = ki.IncrementalClassifier(model, PETS)
    classifier.remember(pets.x_train, pets.y_train)
    yield "features seen once", classifier
    yield "no old data at all", ki.IncrementalClassifier(model, PETS)


def learn(classifier, pets, third, name):
    names = np.array([*PETS, name])
    pictures = np.concatenate([pets.x_test, third.x_test])
    labels = np.concatenate([pets.y_test, np.full(len(third.y_test), 2)])
    return classifier.learn(
        third.x_train,
        classes=[name],
        validation_data=(pictures, names[labels]),
        verbose=0,
    )


def print_row(words, name, report):
    before, after = report.old_score_before, report.old_score
    print(
        f"  {words:<26}cat and dog {before:.1%} -> {after:.1%} "
        f"({100 * (after - before):+.1f})   {name} {report.new_score:.1%}"
    )
