import keras
import pytest
from PIL import Image

from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.image_lists import unlabeled_images

FILES = ("cat/2.png", "cat/old/1.JPG", "dog/10.png", "dog/9.png", "bird/a.gif")


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = {".gif": "gif", ".JPG": "jpeg"}.get(path.suffix, "png")
        Image.new("RGB", (4, 4)).save(path, kind)
    (tmp_path / "photos" / ".hidden").mkdir()
    (tmp_path / "photos" / "cat" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


def names(files, folder):
    return [path.relative_to(folder).as_posix() for path in files.paths]


def test_folders_are_read_in_the_order_of_keras(folder):
    files = labeled_images(folder)
    data = keras.utils.image_dataset_from_directory(
        folder, shuffle=False, verbose=False
    )
    assert [str(path) for path in files.paths] == data.file_paths
    assert files.classes == data.class_names == ["bird", "cat", "dog"]
    labels = [int(y) for _, batch in data for y in batch]
    assert [files.classes.index(name) for name in files.labels] == labels
    assert files.counts == {"bird": 1, "cat": 2, "dog": 2}


def test_a_folder_of_one_class_needs_no_folders(folder):
    files = labeled_images(folder / "cat", "kitten")
    assert names(files, folder) == ["cat/2.png", "cat/old/1.JPG"]
    assert files.counts == {"kitten": 2}
    assert names(unlabeled_images(folder / "cat"), folder) == names(
        files, folder
    )


def test_a_csv_file_lists_pictures_by_paths_relative_to_it(folder):
    manifest = folder / "list.csv"
    manifest.write_text(
        "\ufeffpath,label,by\ndog/9.png, dog ,me\ncat/2.png,cat,\n"
    )
    files = labeled_images(manifest)
    assert names(files, folder) == ["dog/9.png", "cat/2.png"]
    assert files.labels == ("dog", "cat") and files.classes == ["cat", "dog"]
    assert labeled_images(manifest, "pet").labels == ("pet", "pet")
    assert unlabeled_images(manifest).labels is None


def test_one_picture_has_no_classes(folder):
    path = folder / "cat" / "2.png"
    assert unlabeled_images(path).paths == (path,)
    with pytest.raises(ValueError, match="no list of classes.*2.png"):
        labeled_images(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\na.png,cat\n", r"columns \['path', 'label'\].*'file'"),
        ("path,label\ncat/2.png,\n", r"Received: none in the lines \[2\]"),
        ("path,label\n", "which has 0"),
        ("", r"Received: \[\]"),
    ],
    ids=["no path", "no label", "no line", "nothing"],
)
def test_a_bad_csv_file_is_refused(folder, text, words):
    (folder / "list.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        labeled_images(folder / "list.csv")


def test_missing_pictures_and_folders_are_named(folder):
    (folder / "list.csv").write_text("path,label\ncat/none.png,cat\n")
    with pytest.raises(FileNotFoundError, match="1 files.*none.png"):
        labeled_images(folder / "list.csv")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        labeled_images(folder / "nowhere")


def test_folders_that_are_no_data_are_refused(folder):
    with pytest.raises(ValueError, match="no folder for each class.*--class"):
        labeled_images(folder / "dog")
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="no pictures. Received: '.*empty'"):
        labeled_images(folder)
    with pytest.raises(ValueError, match="ends in .csv"):
        labeled_images(folder / "cat" / "notes.txt")
