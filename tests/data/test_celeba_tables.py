import numpy as np
import pytest

from coulomb_jax.data import DataError
from coulomb_jax.data.celeba_tables import parse

PUBLISHED = "3\nlefteye_x lefteye_y \n000001.jpg  69  -1\n000004.jpg  1 2\n000002.jpg  76  104\n"
KAGGLE = "image_id,lefteye_x,lefteye_y\n000001.jpg,69,-1\n000004.jpg,1,2\n000002.jpg,76,104\n"


@pytest.mark.parametrize("text", [PUBLISHED, KAGGLE, PUBLISHED.replace("\n", "\r\n")])
def test_both_forms_are_read(text):
    table = parse(text, "x.txt", 2)
    assert table.columns == ("lefteye_x", "lefteye_y")
    np.testing.assert_array_equal(table.of([2, 1]), [[76, 104], [69, -1]])


@pytest.mark.parametrize(
    "text", ["000001.jpg 0\n000002.jpg 2\n", "image_id,partition\n000001.jpg,0\n000002.jpg,2\n"]
)
def test_the_partition_has_no_head_as_published(text):
    assert parse(text, "x", 1).of([1, 2]).tolist() == [[0], [2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"x must hold some rows, but it holds 0"),
        ("<html>Quota exceeded</html>", r"x must hold some rows, but it holds 0"),
        (PUBLISHED.replace("76  104\n", "76"), r"2 integers in each row, .* '000002.jpg 76'"),
        (PUBLISHED.replace("000002.jpg  76  104\n", ""), r"must hold 3 rows, but it holds 2"),
        (PUBLISHED.replace("76", "7.6"), r"must hold integers, .* '7.6'"),
        (PUBLISHED.replace("000004.jpg", "4"), r"in each row, but there is '4 1 2'"),
        (PUBLISHED.partition("\n")[2].partition("\n")[2], r"must name its 2 columns"),
    ],
)
def test_a_damaged_table_is_explained(text, message):
    with pytest.raises(DataError, match=message):
        parse(text, "x", 2)


def test_a_missing_row_is_named():
    with pytest.raises(DataError, match=r"x.txt must have a row .* none for 000003.jpg"):
        parse(PUBLISHED, "x.txt", 2).of([1, 3])
