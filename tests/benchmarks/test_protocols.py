import json
import math

import numpy as np
import pytest
from benchmarks import datasets
from benchmarks import peers
from benchmarks import scratch
from benchmarks.course import course_of
from benchmarks.material import prepare
from benchmarks.material import single_channel
from benchmarks.protocols import PROTOCOLS
from benchmarks.protocols import S1
from benchmarks.protocols import S2
from benchmarks.protocols import Protocol
from benchmarks.protocols import order_seed
from toy_benchmarks import PROTOCOL
from toy_benchmarks import toys as toys


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_protocol_is_the_same_after_json(protocol):
    text = json.dumps(protocol.to_dict())
    assert Protocol.from_dict(json.loads(text)) == protocol


def test_the_orders_of_the_peers_are_natural_and_two_permutations():
    seeds = [order_seed(S1.order, seed) for seed in S1.seeds]
    assert seeds == [None, 1, 2]
    phases = datasets.phases(range(10), S1.initial, S1.increment, seeds[1])
    expected = np.random.RandomState(1).permutation(10)
    assert np.concatenate(phases).tolist() == expected.tolist()
    assert [len(phase) for phase in phases] == [2] * 5


def test_an_order_is_natural_of_one_seed_or_of_that_of_the_run():
    assert order_seed("natural", 5) is None
    assert order_seed("seed1993", 5) == 1993
    assert order_seed("seeds", 5) == 5


@pytest.mark.parametrize("order", ["random", "seed", "seed-1"])
def test_an_unknown_order_is_refused(order):
    with pytest.raises(ValueError, match=f"order='{order}'"):
        Protocol(order=order)


def test_a_first_phase_of_one_class_is_refused():
    with pytest.raises(ValueError, match="initial=1"):
        Protocol(initial=1)


def test_two_budgets_are_refused():
    with pytest.raises(ValueError, match="per_class=2"):
        Protocol(budget=10, per_class=2)


def test_networks_from_scratch_have_the_sizes_of_the_peers():
    def size(model):
        return sum(math.prod(v.shape) for v in model.trainable_variables)

    assert size(scratch.mlp()) == 784 * 256 + 256 + 256 * 256 + 256
    convolutions = 9 * (16 + 16 * 32 + 32 * 64 + 64 * 128)
    assert size(scratch.cnn()) == convolutions + 2 * (16 + 32 + 64 + 128)
    assert scratch.cnn().output_shape == (None, 128)


def test_networks_from_scratch_start_as_those_of_the_peers():
    first, _, second, *_ = scratch.mlp().get_weights()
    np.testing.assert_allclose(np.abs(first).max(), 1 / 28, rtol=0.01)
    np.testing.assert_allclose(np.abs(second).max(), 1 / 16, rtol=0.01)
    kernel = scratch.cnn().get_weights()[0]
    assert 0.9 / 3 < np.abs(kernel).max() <= 1 / 3


def test_networks_from_scratch_have_no_weights_to_load():
    with pytest.raises(ValueError, match="weights='imagenet'"):
        scratch.mlp(weights="imagenet")


def test_grey_pictures_keep_one_channel():
    grey = np.full((2, 3, 3, 3), 7, "uint8")
    colour = grey.copy()
    colour[1, 2, 2, 1] = 8
    assert single_channel(grey).shape == (2, 3, 3, 1)
    assert single_channel(colour).shape == (2, 3, 3, 3)


def test_a_frozen_network_is_run_once_and_others_not(toys):
    features = prepare(PROTOCOL).data.x_train
    pictures = prepare(Protocol(data="toy", backbone="toy_dense")).data.x_train
    assert pictures.shape == (24, 4, 4, 1) and pictures.dtype == np.uint8
    np.testing.assert_allclose(
        features.reshape(24, 4, 4, 3)[..., :1], pictures / 255, atol=1e-6
    )


def test_a_course_labels_classes_as_they_arrive(toys):
    data = datasets.load("toy")
    course = course_of(data, Protocol(data="toy", order="seed1"), seed=0)
    assert course.group_sizes == [2, 2]
    for phase in range(2):
        x, names = course.arriving(phase)
        assert set(names) == set(course.phases[phase])
        assert len(names) == 12
        brightness = x[:, 0, 0, 0] // 60
        assert [data.class_names[b] for b in brightness] == names.tolist()
    x, labels = course.seen(0)
    assert sorted(set(labels)) == [0, 1] and len(labels) == 6
    assert len(course.seen(1)[1]) == 12
    names = [course.data.class_names[label] for label in labels]
    assert [data.class_names[b] for b in x[:, 0, 0, 0] // 60] == names


def test_the_seed_of_a_run_orders_the_classes_where_it_should(toys):
    data = datasets.load("toy")
    course = course_of(data, Protocol(order="seeds"), seed=3)
    order = np.random.RandomState(3).permutation(4)
    names = np.array(data.class_names)[order]
    assert course.data.class_names == tuple(names)


def test_a_course_has_a_second_phase(toys):
    with pytest.raises(ValueError, match="initial=4"):
        course_of(datasets.load("toy"), Protocol(initial=4), seed=0)


@pytest.mark.parametrize(
    "protocol, strategy, last, by_order",
    [
        ("s1", "BiC", 78.4, (77.8, 79.3, 78.0)),
        ("s2", "Replay", 80.4, (79.3, 81.5, 80.2)),
        ("s3", "SLDA", 84.2, (84.2,)),
    ],
)
def test_peers_are_those_of_the_protocol(protocol, strategy, last, by_order):
    rows = [p for p in peers.PEERS[protocol] if p.strategy == strategy]
    row = next(row for row in rows if row.last == last)
    assert row.last_by_order == by_order


@pytest.mark.parametrize("protocol", peers.PEERS)
def test_the_last_accuracy_of_a_peer_is_the_mean_of_its_orders(protocol):
    for peer in peers.PEERS[protocol]:
        assert peer.last == pytest.approx(np.mean(peer.last_by_order), abs=0.11)


def test_differences_of_peers_are_those_of_shared_orders():
    replay = peers.replay_of("s2")
    bic = next(p for p in peers.PEERS["s2"] if p.name.startswith("avalanche B"))
    np.testing.assert_allclose(
        peers.paired_difference(bic, replay), [1.8, 2.8, 1.5], atol=1e-9
    )
    gdumb = next(p for p in peers.PEERS["s2"] if p.strategy == "GDumb")
    np.testing.assert_allclose(
        peers.paired_difference(gdumb, replay), [0.5], atol=1e-9
    )


def test_every_peer_replay_has_the_exemplars_of_the_protocol():
    for name in peers.PEERS:
        assert f"{PROTOCOLS[name].budget}" in peers.replay_of(name).options
    assert S2.epochs == peers.replay_of("s2").epochs
    assert S2.learning_rate == peers.replay_of("s2").learning_rate
