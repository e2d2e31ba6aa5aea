"""Label spaces: ImageNet's classes, the 16 categories, and the decision between them."""

import csv
import json
from collections import Counter

import numpy as np
import pytest

from bench.errors import ItemError, UnknownName
from bench.labels.imagenet import CATEGORIES, category_map, classes, folder_numbers
from bench.labels.spaces import MAPS, SPACES, compatible, decide, space
from bench.labels.words import NULL

# Feather et al. 2023, repository f89cdad: number of classes by WordNet id in each category.
COUNTS = (1, 4, 2, 49, 5, 7, 3, 6, 4, 3, 109, 2, 2, 1, 1, 8)
NAMES = "airplane bear bicycle bird boat bottle car cat chair clock dog elephant keyboard knife"
CLASSES_PER_CATEGORY = dict(zip([*NAMES.split(), "oven", "truck"], COUNTS, strict=True))
DUTCH_OVEN = 544


def test_the_thousand_classes_are_timms():
    timm_info = pytest.importorskip("timm.data").ImageNetInfo("imagenet1k")
    assert [one.wnid for one in classes()] == timm_info.label_names()
    assert [one.names for one in classes()] == [
        tuple(timm_info.index_to_description(i).split(", ")) for i in range(1000)
    ]


def test_class_names_are_unique_and_torchvisions():
    categories = pytest.importorskip("torchvision.models").AlexNet_Weights.IMAGENET1K_V1.meta
    ours = space("imagenet1k").classes
    assert len(set(ours)) == 1000
    different = [(a, b) for a, b in zip(ours, categories["categories"], strict=True) if a != b]
    # both lists tell the two cranes and the two maillots apart, each in its own way
    assert len(different) <= 4
    assert all(a.split()[0] == b.split()[0] for a, b in different)


def test_categories_match_the_published_counts():
    assert Counter(one.category for one in classes() if one.category) == CLASSES_PER_CATEGORY
    assert SPACES["imagenet16"].classes == tuple(CLASSES_PER_CATEGORY)
    assert SPACES["imagenet16"].chance == 1 / 16


def test_maps_equal_the_published_file(shared):
    data = json.loads((shared / "data/feather2023/wnid_to_16_categories.json").read_text())
    published = np.full(1000, -1)
    for number, one in enumerate(classes()):
        if one.wnid in data["wnid_to_category"]:
            published[number] = data["categories"].index(data["wnid_to_category"][one.wnid])
    executed = np.full(1000, -1)
    for index, category in data["imagenet_index_to_category_as_executed"].items():
        executed[int(index)] = data["categories"].index(category)
    np.testing.assert_array_equal(MAPS["imagenet1k", "imagenet16"], published)
    np.testing.assert_array_equal(MAPS["imagenet1k", "imagenet16-as-executed"], executed)


def test_the_two_mappings_differ_in_the_dutch_oven_only():
    differs = np.flatnonzero(category_map() != category_map(as_executed=True))
    assert differs.tolist() == [DUTCH_OVEN]
    assert CATEGORIES[category_map(as_executed=True)[DUTCH_OVEN]] == "oven"


def test_first_mapped_class_in_descending_logits_decides():
    generator = np.random.default_rng(3)
    logits = generator.normal(size=(50, 1000))
    mapped = category_map()
    expected = []
    for row in logits:  # the published rule, walked through literally
        ranked = sorted(range(1000), key=lambda k, row=row: -row[k])
        expected.append(next(mapped[k] for k in ranked if mapped[k] >= 0))
    np.testing.assert_array_equal(decide(logits, "imagenet1k", "imagenet16"), expected)


def test_a_dutch_oven_is_an_oven_only_as_executed():
    logits = np.zeros((1, 1000))
    logits[0, DUTCH_OVEN] = 3  # an unmapped class by the published list
    logits[0, 404] = 2  # airliner
    names = SPACES["imagenet16"].classes
    assert names[decide(logits, "imagenet1k", "imagenet16")[0]] == "airplane"
    assert names[decide(logits, "imagenet1k", "imagenet16-as-executed")[0]] == "oven"


def test_wrong_logits_and_spaces_are_refused():
    with pytest.raises(ItemError, match="1000 classes of imagenet1k"):
        decide(np.zeros((2, 999)), "imagenet1k", "imagenet16")
    with pytest.raises(ItemError, match="not finite"):
        decide(np.full((1, 1000), np.nan), "imagenet1k", "imagenet16")
    with pytest.raises(UnknownName, match="imagenet1k"):
        space("imagenet1000")
    assert not compatible("digits", "imagenet16")


@pytest.mark.parametrize(
    ("space_id", "folder", "expected"),
    [
        ("imagenet1k", "n02123045", 281),
        ("imagenet1k", "Tabby", 281),
        ("imagenet1k", "tabby cat", 281),
        ("imagenet1k", "man_eating_shark", 2),
        ("imagenet16", "n02123045", CATEGORIES.index("cat")),
        ("imagenet16", "Cat", CATEGORIES.index("cat")),
        ("imagenet16", "golden_retriever", CATEGORIES.index("dog")),
    ],
)
def test_folder_names(space_id, folder, expected):
    from bench.labels.imagenet import normal

    assert folder_numbers(space_id)[normal(folder)] == expected


def test_a_name_of_two_classes_and_an_unmapped_class_stand_for_nothing():
    assert "crane" not in folder_numbers("imagenet1k")  # a bird (134) and a machine (517)
    assert "n01440764" not in folder_numbers("imagenet16")  # a tench is in no category


def test_cifar10s_classes_are_in_its_authors_order() -> None:
    """Labels 3 and 5 of https://www.cs.toronto.edu/~kriz/cifar.html are cat and dog."""
    classes = space("cifar10").classes
    assert (len(classes), classes[0], classes[3], classes[5], classes[9]) == (
        10, "airplane", "cat", "dog", "truck",
    )  # fmt: skip


def test_the_words_are_the_published_ones(shared) -> None:
    with (shared / "data/feather2023/audio_word_classes.csv").open(newline="") as file:
        published = [(int(r["word_class_index"]), r["word"]) for r in csv.DictReader(file)]
    assert list(enumerate(space("words").classes)) == published
    assert len(published) == 794
    with (shared / "data/feather2023/audio400_words.csv").open(newline="") as file:
        asked = {r["word"]: int(r["word_class_index"]) for r in csv.DictReader(file)}
    assert len(asked) == 400
    assert all(space("words").classes[number] == word for word, number in asked.items())


def test_words_are_alphabetical_behind_no_word() -> None:
    null, *words = space("words").classes
    assert null == NULL
    assert words == sorted(set(words))


def test_speech_commands_has_its_35_words() -> None:
    """Warden 2018, Table 1: digits, ten commands of the first release, and 15 further words."""
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    commands = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
    others = (
        "bed bird cat dog happy house marvin sheila tree wow backward forward follow learn visual"
    )
    assert set(space("speech-commands").classes) == {*digits, *commands, *others.split()}
    assert len(space("speech-commands").classes) == 35
