import keras
import numpy as np
from keras import layers

from keras_incremental.utils.probes import probe_of


def test_a_pool_of_tokens_without_padding_is_probed():
    model = keras.Sequential(
        [
            keras.Input((1,), dtype="int32"),
            layers.Embedding(3, 2, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )
    # Of zeros alone the pool has a mean of nothing.
    assert np.isnan(model.predict(np.zeros((1, 1), "int32"), verbose=0)).all()
    samples, outputs = probe_of(model)
    assert samples.all() and np.isfinite(outputs).all()
