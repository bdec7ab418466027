from keras_incremental.models.exporting.formats import Format


class OpenVINOFolder(Format):
    """A folder with OpenVINO's two files, and those of the names."""

    name = "openvino"
    filename = "model.xml"
    alone = (
        "a model of OpenVINO is two files, which only a folder replaces "
        "together"
    )
    packages = {"tensorflow": ("openvino",)}
    reason = "OpenVINO reads neither graphs of JAX nor named outputs of torch"

    def outputs(self, artifact):
        return artifact.served.output_names

    def write(self, artifact, path):
        self.convert(artifact, path)
