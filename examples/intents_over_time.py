"""
Title: Intents that arrive over time
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: A classifier of sentences learns new intents, and keeps the old.
Accelerator: None
"""

import itertools
import os
import pathlib
import re
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from intents import PER_TEMPLATE
from intents import sentences

import keras_incremental as ki

"""
## Introduction

A chat bot knows some intents, and each month somebody writes a few sentences
for one more. This is not only a matter of pictures: whatever is in front of
the head, `IncrementalClassifier` sees arrays in and logits out.

The script trains a small sentence encoder on four intents, then lets two and
two more arrive. It compares plain fine-tuning with what the package does when
no old sentence is kept, and when five of each intent are.

## The sentences

Templates, so that the script needs no download. Two templates of each intent
are never trained on; these are the test. The words in braces are drawn from
lists that intents share: see `intents.py`.
"""

PHASES = (
    ["balance", "transfer", "lost card", "weather"],
    ["flight", "music"],
    ["alarm", "food"],
)

"""
## From words to numbers

Each word, each pair of neighbours and each three letters become a number by a
hash. It needs no vocabulary, so a word that comes with a new intent is not
unknown, and it runs on any backend.

`keras.layers.TextVectorization` is the usual way. It needs TensorFlow,
whatever the backend, and a vocabulary that is made beforehand: of the first
intents, here, so that words of later ones are all the same unknown token.
Both are compared below where the backend is TensorFlow.

At real size take a pretrained encoder, such as a `TextClassifier` of KerasHub
and its preprocessor, and sentences of `tfds.load("clinc_oos")` or your own;
what follows stays the same.
"""

BUCKETS, LENGTH = 4096, 96


def hashed(texts):
    rows = np.zeros((len(texts), LENGTH), "int32")
    for row, text in zip(rows, texts, strict=True):
        numbers = [
            1 + zlib.crc32(gram.encode()) % (BUCKETS - 1)
            for gram in grams_of(text.lower())
        ]
        row[: len(numbers)] = numbers[:LENGTH]
    return rows


def grams_of(text):
    words = re.findall(r"\w+", text)
    pairs = [" ".join(pair) for pair in itertools.pairwise(words)]
    marked = [f"<{word}>" for word in words]
    threes = [w[i : i + 3] for w in marked for i in range(len(w) - 2)]
    return words + pairs + threes


def vocabulary_of(texts):
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "`TextVectorization` needs TensorFlow. Received: backend "
            f"'{keras.backend.backend()}'. Take `hashed`."
        )
    layer = keras.layers.TextVectorization(
        BUCKETS, ngrams=2, output_sequence_length=LENGTH
    )
    layer.adapt(texts)
    return lambda texts: np.array(layer(texts), "int32")


"""
## The encoder and the classifier

The mean of the embeddings of a sentence, then `Dense`. The embeddings are
random and stay as they are, which is a fair encoder of hashed words: each
has a direction of its own. Embeddings trained on the first intents do worse on
later ones, whose words they have never seen. With a pretrained encoder in its
place the layers below the head are frozen too, so that each later sentence
runs through them once.
"""

EPOCHS = 30


def trained_on_first(tokens, names):
    model = keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32"),
            keras.layers.Embedding(
                BUCKETS, 256, "normal", mask_zero=True, trainable=False
            ),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.LayerNormalization(center=False, scale=False),
            keras.layers.Dense(len(PHASES[0])),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    labels = np.array([PHASES[0].index(name) for name in names])
    model.fit(tokens, labels, epochs=EPOCHS, verbose=0)
    return model


"""
## The intents arrive

Each phase gives sentences of new intents only. `validation_data` has test
sentences of all intents so far, and only measures. The rival, plain
fine-tuning, is a recipe, so that all are measured by the same report.
"""

LEARNERS = {
    "fine-tuning": lambda: {"recipe": ki.recipes.fine_tuning()},
    "nothing kept": dict,
    "statistics kept": dict,
    "5 sentences of each kept": lambda: {
        "memory": ki.ExemplarMemory(5, per_class=True)
    },
}
FORGETFUL = ("fine-tuning", "nothing kept")


def learner_of(words, model):
    model = copy_of(model)
    return ki.IncrementalClassifier(model, PHASES[0], **LEARNERS[words]())


def copy_of(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def reports_of(words, model, encode, count):
    clf = learner_of(words, model)
    if words not in FORGETFUL:
        texts, names = sentences(PHASES[0], count=count)
        clf.remember(encode(texts), names)
    known = list(PHASES[0])
    for new in PHASES[1:]:
        known += new
        texts, names = sentences(new, count=count)
        checks, true = sentences(known, test=True, count=count)
        report = clf.learn(
            encode(texts),
            names,
            classes=new,
            validation_data=(encode(checks), true),
            verbose=0,
        )
        yield report
    ask(clf, encode, words)


def ask(clf, encode, words):
    question = "please play my favourite song for Grace"
    answer = clf.predict_names(encode([question]))[0]
    print(f"{words}: '{question}' -> {answer}")


"""
## What was kept and lost
"""


def table(results):
    lines = [
        "| tokens | learner | old intents | new intents | all | s | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for (tokens, words), reports in results.items():
        last = reports[-1]
        shares = last.old_score, last.new_score, last.score
        cells = [tokens, words, *(f"{100 * share:.1f} %" for share in shares)]
        seconds = sum(report.seconds for report in reports)
        kept = sum(
            size for what, size in last.nbytes.items() if what != "weights"
        )
        lines.append(
            f"| {' | '.join(cells)} | {seconds:.0f} | {kept / 1e6:.2f} |"
        )
    return "\n".join(lines)


def encoders(texts):
    yield "hashed", hashed
    if keras.backend.backend() == "tensorflow":
        yield "vocabulary of the first", vocabulary_of(texts)


def main(outputs="outputs", count=PER_TEMPLATE):
    keras.utils.set_random_seed(0)
    outputs = pathlib.Path(outputs)
    outputs.mkdir(parents=True, exist_ok=True)
    texts, names = sentences(PHASES[0], count=count)
    results = {}
    for tokens, encode in encoders(texts):
        model = trained_on_first(encode(texts), names)
        for words in LEARNERS:
            reports = list(reports_of(words, model, encode, count))
            results[tokens, words] = reports
    print("\n" + table(results))
    last = results["hashed", "5 sentences of each kept"]
    figure = ki.reporting.plot_confusion(last[-1])
    figure.savefig(outputs / "intents.png", dpi=150)
    return results


"""
## What to notice

Fine-tuning on new sentences costs old intents, and with nothing kept at all
the package keeps them at the cost of new ones: nothing then says how new
sentences compare with old ones. Statistics of the features, which hold no
sentence, are enough for nearly everything; five sentences of each intent for
all of it.

What the encoder cannot tell apart no head can learn: with a vocabulary of the
first intents most words of later ones are one unknown token, and every learner
is far below what it reaches on hashed words. Choose the encoder for the
intents to come.

The classifier of the last phase is one `.keras` file with the names of its
intents after `clf.save()`; `hashed()` is in front of it, so keep it beside the
file. The picture, `intents.png`, shows which intents are mistaken for which.
"""

if __name__ == "__main__":
    main()
