from keras_incremental.models.exporting.formats import Format
from keras_incremental.models.exporting.plain import plain_model
from keras_incremental.models.exporting.plain import write_plain
from keras_incremental.models.exporting.served import SCORES


class KerasFile(Format):
    """A plain `.keras` file, see `IncrementalClassifier.to_keras`."""

    name = "keras"
    filename = "model.keras"
    suffix = ".keras"
    packages = {"tensorflow": (), "jax": (), "torch": ()}

    def outputs(self, artifact):
        return [SCORES, *artifact.served.other_names]

    def write(self, artifact, path):
        _refuse_options(artifact.options)
        served = artifact.served
        write_plain(plain_model(served.classifier, served.num_classes), path)


def _refuse_options(options):
    if options:
        raise ValueError(
            '`format="keras"` has no arguments of its own. Received: '
            f"{sorted(options)}. Leave them out."
        )
