"""numpy and scipy: what an array is, and what memory holds beside it."""

import numpy as np
import pytest
from scipy import interpolate, sparse

from versioning.encoding import numeric, value_digest
from versioning.errors import UnkeyableError

CUBE = np.arange(24.0).reshape(2, 3, 4)
PADDED = np.dtype([("a", "i1"), ("b", "f8")], align=True)

DIFFERENT = [
    *(np.zeros(6), np.zeros((2, 3)), np.zeros((3, 2)), np.zeros((6, 1)), np.zeros((0, 3))),
    *(
        np.zeros(6, "i8"),
        np.zeros(6, "i4"),
        np.zeros(6, ">i4"),
        np.zeros(6, "f4"),
        np.zeros(6, "?"),
    ),
    *(np.zeros((3, 0)), np.zeros(()), np.float64(0), 0.0, np.float32(0), np.int64(0), np.bool_(0)),
    *(np.array([-0.0]), np.array([0.0]), np.array([np.nan]), np.array([np.inf]), np.array([0j])),
    *(np.array(["a"]), np.array([b"a"]), np.array(["a"], "U2"), np.array(["a"], object)),
    *(np.array([1], object), np.array([1.0], object), np.array([None], object)),
    np.array(["a"], np.dtypes.StringDType()),
    *(np.array([1], "M8[s]"), np.array([1], "M8[ms]"), np.array([1], "m8[s]"), np.zeros(1, "V8")),
    *(np.array(["NaT"], "M8[s]"), np.datetime64("2020"), np.datetime64("2020-01")),
    *(np.zeros(1, PADDED), np.zeros(1, [("a", "i1"), ("c", "f8")]), np.zeros(1, [("a", "f4", 2)])),
    *(np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2]), np.ma.array([1, 2], mask=[1, 0])),
    *(np.dtype("f4"), np.dtype(">f4"), np.float32, np.log1p, np.exp, np.str_("a"), np.str_("b")),
    *(np.matrix([[1]]), np.array([[1]]), np.longdouble(1) / 3, np.zeros(6, np.longdouble)),
    *(np.random.default_rng(1), np.random.default_rng(2), np.random.PCG64(1), np.random.MT19937(1)),
    *(np.random.RandomState(1), np.random.RandomState(2), np.random.SeedSequence(1)),
]


def test_arrays_that_differ_in_any_way_have_different_digests():
    assert len({value_digest(array) for array in DIFFERENT}) == len(DIFFERENT)


def test_memory_order_does_not_count():
    doubled = np.concatenate([CUBE, CUBE], axis=1)
    for same in (np.asfortranarray(CUBE), doubled[:, :3], CUBE[::-1][::-1], CUBE.T.copy().T):
        assert value_digest(same) == value_digest(CUBE)


@pytest.mark.parametrize("shape", [(3_000, 300), (2, 500_000), (1, 1, 400_000), (7, 0, 3)])
def test_arrays_of_many_chunks_are_read_in_c_order(shape):
    array = np.random.default_rng(0).random(shape)
    for same in (np.asfortranarray(array), np.repeat(array, 2, axis=-1)[..., ::2]):
        assert value_digest(same) == value_digest(array)


def test_a_late_element_of_a_large_array_counts():
    array = np.zeros(3 * numeric.CHUNK_BYTES // 8)
    before = value_digest(array)
    array[-1] = 1
    assert value_digest(array) != before


def test_a_memory_mapped_array_is_an_array(tmp_path):
    np.save(tmp_path / "a.npy", CUBE)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert value_digest(mapped) == value_digest(CUBE)


def test_padding_between_fields_does_not_count():
    clean, dirty = np.zeros(3, PADDED), np.zeros(3, PADDED)
    dirty.view("u1")[1::16] = 7
    assert value_digest(clean) == value_digest(dirty)


def test_padding_of_long_doubles_does_not_count():
    clean = np.array([1, 2], np.longdouble)
    dirty = clean.copy()
    if dirty.dtype.itemsize > numeric._LONG_BYTES:
        dirty.view("u1").reshape(2, -1)[:, numeric._LONG_BYTES :] = 7
    assert value_digest(clean) == value_digest(dirty)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "c8", "c16", np.longdouble])
def test_all_nans_are_one(dtype):
    array = np.array([1, np.nan, 0], dtype)
    same = array.copy()
    same.real[1] = -same.real[1]
    assert np.signbit(same.real[1]) != np.signbit(array.real[1])
    assert value_digest(array) == value_digest(same)


def test_values_under_a_mask_do_not_count():
    one = np.ma.array([1, 2], mask=[False, True], fill_value=0)
    two = np.ma.array([1, 3], mask=[False, True], fill_value=0)
    assert value_digest(one) == value_digest(two)


def test_a_refusal_inside_an_array_names_the_element():
    array = np.array([1, object()], object)
    with pytest.raises(UnkeyableError) as caught:
        value_digest({"a": array}, path="v")
    assert caught.value.path == 'v["a"][1]'


def test_using_a_generator_changes_it():
    one, two = np.random.default_rng(1), np.random.default_rng(1)
    assert value_digest(one) == value_digest(two)
    two.random()
    assert value_digest(one) != value_digest(two)


def test_spawning_from_a_generator_changes_it():
    rng = np.random.default_rng(1)
    before = value_digest(rng)
    rng.spawn(1)
    assert value_digest(rng) != before


def test_sparse_arrays_count_by_entries_not_by_how_they_are_kept():
    array = sparse.random_array((50, 40), density=0.1, rng=1).tocsr()
    shuffled = array.tocoo().tocsc().tocsr()
    wide = array.copy()
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    twice = sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    once = sparse.coo_array(([3.0], ([0], [1])), shape=(2, 2))
    assert value_digest(array) == value_digest(shuffled) == value_digest(wide)
    assert value_digest(twice) == value_digest(once)
    assert value_digest(array) != value_digest(array.tocsc())
    assert value_digest(array) != value_digest(array * 2)
    assert value_digest(array) != value_digest(sparse.csr_matrix(array))


def test_splines_are_keyed_by_their_state():
    x = np.arange(5.0)
    one, two = (interpolate.make_interp_spline(x, x * k) for k in (1, 2))
    assert value_digest(one) == value_digest(interpolate.make_interp_spline(x, x))
    assert value_digest(one) != value_digest(two)
