import io
import tarfile
import zipfile

import pytest

from coulomb_jax.data import DataError, archives

CONTENT = {n: b"\xff\xd8 picture %d" % n for n in (1, 2, 7)}


@pytest.fixture(params=["folder", "zip", "tar"])
def archive(request, tmp_path):
    if request.param == "folder":
        path = tmp_path / "pictures"
        path.mkdir()
        for n, content in CONTENT.items():
            (path / f"{n:06d}.jpg").write_bytes(content)
        (path / "list_x.txt").write_text("text")
        (path / "._000001.jpg").write_bytes(b"left by a system")
        (path / "1.jpg").write_bytes(b"of another kind")
    elif request.param == "zip":
        path = tmp_path / "pictures.zip"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("img_align_celeba/", b"")
            file.writestr("list_x.txt", "text")
            file.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"left by a system")
            for n, content in CONTENT.items():
                file.writestr(f"img_align_celeba/{n:06d}.jpg", content)
    else:
        path = tmp_path / "pictures.tar"
        write_tar(path, {"a/list_x.txt": b"text"} | {f"a/{n:06d}.jpg": c for n, c in CONTENT.items()})
    return path


def write_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))


def test_pictures_are_found_by_number_and_read_in_any_order(archive):
    found = archives.listing(archive)
    assert sorted(found.pictures) == [1, 2, 7]
    assert list(found.read([7, 1, 7])) == [CONTENT[7], CONTENT[1], CONTENT[7]]
    assert list(found.texts) == ["list_x.txt"]
    assert found.text("list_x.txt") == "text"


def test_the_stamp_changes_with_what_is_there(archive):
    first = archives.stamp(archive)
    assert first == archives.stamp(archive)
    assert first["files"] == (3 if archive.is_dir() else 1)
    file = archive / "000002.jpg" if archive.is_dir() else archive
    content = file.read_bytes()
    file.write_bytes(content + b"x")
    assert archives.stamp(archive) != first


@pytest.mark.parametrize(
    "start", [b"<!DOCTYPE html><html>", b"\n  <html>Quota exceeded", b"\xef\xbb\xbf<html>"]
)
def test_a_quota_page_is_recognized(tmp_path, start):
    path = tmp_path / "img_align_celeba.zip"
    path.write_bytes(start.ljust(2048))
    with pytest.raises(DataError, match=r"web page of 2,048 bytes, .* Google Drive .* quota"):
        archives.listing(path)


def test_a_zip_that_broke_off_is_explained(tmp_path):
    path = tmp_path / "img_align_celeba.zip"
    with zipfile.ZipFile(path, "w") as file:
        for n in range(20):
            file.writestr(f"{n:06d}.jpg", bytes(1000))
    path.write_bytes(path.read_bytes()[:12_000])
    with pytest.raises(DataError, match=r"a whole zip file, but it holds 12,000 bytes .* must be repeated"):
        archives.listing(path)


@pytest.mark.parametrize("length", [700, 1536, 1536 + 100, 1536 + 512, 1536 + 700])
def test_a_tar_that_broke_off_is_explained(tmp_path, length):
    path = tmp_path / "pictures.tar"
    write_tar(path, {"000001.jpg": bytes(1000), "000002.jpg": bytes(1000)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=r"whole, uncompressed tar"):
        archives.listing(path)


def test_a_compressed_tar_is_refused(tmp_path):
    path = tmp_path / "pictures.tar"
    write_tar(path, {"000001.jpg": b"x"}, "w:gz")
    with pytest.raises(DataError, match=r"whole, uncompressed tar .* a compressed tar unpacked"):
        archives.listing(path)


def test_two_pictures_of_one_number_are_refused(tmp_path):
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("full/000001.jpg", b"x")
        file.writestr("half/000001.jpg", b"y")
    with pytest.raises(DataError, match=r"000001.jpg is there twice"):
        archives.listing(path)


def test_a_flipped_bit_in_a_zip_is_noticed(tmp_path):
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("000001.jpg", b"the content of a picture")
    path.write_bytes(path.read_bytes().replace(b"content", b"kontent"))
    with pytest.raises(DataError, match=r"000001.jpg in .*pictures.zip must be readable, .* CRC-32"):
        list(archives.listing(path).read([1]))
