"""Video as a stream of frames: lossless clips made here come back as they were, scaled, cropped, grey or cut."""

import os
import socket
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import hwsim.datasets
from hwsim.datasets import Preprocessing, load_dataset, load_video
from hwsim.errors import DataError, UnknownNameError

pytestmark = pytest.mark.video


def write_clip(path, frames):
    """A lossless video (FFV1, RGB) of frames (n, height, width, 3)."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def drawn():
    return np.random.default_rng(5).integers(0, 256, (7, 20, 32, 3)).astype(np.uint8)


@pytest.fixture
def clip(tmp_path, drawn):
    path = tmp_path / "clip.mkv"
    write_clip(path, drawn)
    return path


def planes(frames):
    return frames.transpose(0, 3, 1, 2)


def one_line(call, *arguments, **options):
    with pytest.raises(DataError) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_frames_are_the_pixels_of_the_file(clip, drawn):
    data = load_video(clip)
    assert np.array_equal(data.inputs, planes(drawn))
    assert (data.name, data.split, data.order, data.step) == ("clip.mkv", "", "file", 1 / 255)
    assert (data.stream_start.tolist(), data.labels, data.format.name) == ([0, 7], None, "uint8")
    assert data.inputs.flags.c_contiguous
    assert load_video(clip, step=1).step == 1
    assert repr(data).startswith("<Dataset clip.mkv: 7 frames of (3, 20, 32) uint8")


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (3, [0, 1, 2]),
        (100, range(7)),
        (slice(2, 4), [2, 3]),
        (slice(1, None, 2), [1, 3, 5]),
        (slice(None, None, 3), [0, 3, 6]),
    ],
)
def test_some_of_the_frames(clip, drawn, frames, expected):
    assert np.array_equal(load_video(clip, frames=frames).inputs, planes(drawn)[list(expected)])


@pytest.mark.parametrize("frames", [0, -1, True, 2.5, slice(-3, None), slice(0, 5, 0), slice(None, None, -1)])
def test_frames_that_are_no_choice(clip, frames):
    assert "expected a number from 1, or a slice" in one_line(load_video, clip, frames=frames)


def test_no_such_frame(clip):
    assert "no frame, or none of those asked for (9 to end)" in one_line(load_video, clip, frames=slice(9, None))


def test_same_height_crops_both_sides_evenly(clip, drawn):
    # 20 x 32 is scaled by 1, and (32 - 15) // 2 = 8 columns go on the left
    data = load_video(clip, size=(20, 15))
    assert np.array_equal(data.inputs, planes(drawn)[:, :, :, 8:23])
    assert np.array_equal(load_video(clip, size=20).inputs, planes(drawn)[:, :, :, 6:26])
    assert np.array_equal(load_video(clip, size=(10, 32)).inputs, planes(drawn)[:, :, 5:15])


def test_shorter_side_is_scaled_to_the_size(tmp_path):
    # one colour per quarter: halving keeps them in place
    frames = np.zeros((2, 40, 60, 3), np.uint8)
    frames[:, :20, :30, 0], frames[:, 20:, 30:, 1], frames[:, :20, 30:, 2] = 240, 120, 60
    write_clip(tmp_path / "quarters.mkv", frames)
    data = load_video(tmp_path / "quarters.mkv", size=20)
    assert data.shape == (3, 20, 20)
    expected = planes(frames)[:, :, ::2, ::2][:, :, :, 5:25]
    inner = np.ones((20, 20), bool)
    inner[9:11] = inner[:, 9:11] = False  # where colours meet
    assert np.abs(data.inputs.astype(int) - expected)[:, :, inner].max() <= 1


def test_scaling_averages_what_becomes_one_pixel(tmp_path):
    board = np.zeros((1, 64, 64, 3), np.uint8)
    board[:, ::2, ::2] = board[:, 1::2, 1::2] = 255
    write_clip(tmp_path / "board.mkv", board)
    data = load_video(tmp_path / "board.mkv", size=16)
    assert np.abs(data.inputs[:, :, 2:-2, 2:-2].astype(int) - 127.5).max() < 12


def test_small_frames_are_enlarged(clip):
    assert load_video(clip, size=(50, 40)).shape == (3, 50, 40)


def test_grey_is_one_channel_of_luma(tmp_path):
    frames = np.zeros((4, 16, 16, 3), np.uint8)
    for k, colour in enumerate([(255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 0)]):
        frames[k] = colour
    write_clip(tmp_path / "colours.mkv", frames)
    data = load_video(tmp_path / "colours.mkv", colour=False)
    assert data.shape == (1, 16, 16)
    # weights of ITU-R BT.601
    assert np.abs(data.inputs[:, 0, 8, 8].astype(int) - [255, 76, 150, 0]).max() <= 2


@pytest.mark.parametrize("size", [0, -4, (3,), (3, 0), (1, 2, 3), 1.5, 20_000])
def test_sizes_that_are_none(clip, size):
    if size == 1.5:
        size = (1.5, 2)
    assert "expected one number of pixels, 1 to 16383, or (height, width)" in one_line(load_video, clip, size)


@pytest.mark.parametrize("content", [b"", b"hello, I am no video", os.urandom(2000)])
def test_files_that_are_no_video(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert one_line(load_video, path).startswith(f"{path}: cannot be read as a video (")


def test_files_that_are_not_there(tmp_path):
    assert "no/clip.mp4: cannot be read (No such file or directory)" in one_line(load_video, "no/clip.mp4")
    assert str(tmp_path) in one_line(load_video, tmp_path)


def test_a_file_with_sound_only(tmp_path):
    import wave

    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(1600))
    assert "there is no video in it" in one_line(load_video, tmp_path / "sound.wav")


def test_a_path_works_where_a_name_does(clip, drawn):
    data = load_dataset(str(clip), frames=4, step=1.0, preprocessing=Preprocessing(size=20, grey=True))
    assert (data.inputs.shape, data.step) == ((4, 1, 20, 20), 1.0)
    assert np.array_equal(data.inputs, load_video(clip, size=20, colour=False, frames=4).inputs)
    assert np.array_equal(load_dataset(str(clip)).inputs, planes(drawn))
    assert hwsim.datasets.load_video is load_video


def test_paths_and_names_are_told_apart(clip):
    assert "nowhere.mp4: cannot be read (No such file" in one_line(load_dataset, "nowhere.mp4")
    with pytest.raises(UnknownNameError):
        load_dataset("clip")
    assert "a video has one order; leave out order" in one_line(load_dataset, str(clip), order="temporal")
    assert "no splits, so no 'train'; leave split out" in one_line(load_dataset, str(clip), split="train")
    assert "a step of their own; leave step out" in one_line(load_dataset, "digits", step=0.5)


def test_without_pyav_one_line_names_the_extra(clip):
    code = f"import sys; sys.modules['av'] = None\nfrom hwsim.datasets import load_video; load_video({str(clip)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "DataError: videos need PyAV; pip install 'hwsim[video]'" in done.stderr.splitlines()[-1]


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "n_frame", "shape"),
    [
        ("MR2_MW_A.264", 300, (144, 176)),
        ("test_cif_P_CABAC_slice.264", 300, (288, 352)),
        ("highway.mpg", 1700, (240, 320)),
        ("slow_traffic_small.mp4", 914, (360, 640)),
    ],
)
def test_the_real_videos(file, n_frame, shape):
    path = os.path.join(os.environ["HWSIM_DATA"], "video", file)
    data = load_video(path, size=48, colour=False)
    assert data.inputs.shape == (n_frame, 1, 48, 48)
    assert load_video(path, frames=1).shape == (3, *shape)
    assert data.inputs.std() > 20
    # frames resemble the ones before them
    change = np.abs(np.diff(data.inputs.astype(int), axis=0)).mean()
    assert 0 < change < data.inputs.std() / 3


# --- nothing but what was asked for


PLAY_LISTS = {
    "list.ffconcat": "ffconcat version 1.0\nfile 'clip.mkv'\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n",
}


@pytest.mark.parametrize("name", PLAY_LISTS)
def test_a_play_list_leads_nowhere(clip, monkeypatch, name):
    monkeypatch.chdir(clip.parent)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/clip.ts"
        (clip.parent / name).write_text(PLAY_LISTS[name].format(address=address))
        assert "cannot be read as a video" in one_line(load_video, name)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("name", ["http:/127.0.0.1/clip.mkv", "concat:clip.mkv", "frame%03d.mkv", "data:,clip.mkv"])
def test_a_file_is_read_whatever_its_name_means_to_others(clip, drawn, monkeypatch, name):
    monkeypatch.chdir(clip.parent)
    place = clip.parent / name
    place.parent.mkdir(parents=True, exist_ok=True)
    clip.rename(place)
    assert np.array_equal(load_video(name).inputs, planes(drawn))


@pytest.mark.parametrize("address", ["http://127.0.0.1/clip.mkv", "https://a.b/c.npz", "file:///clip.mkv", "s3://a/b"])
def test_a_url_is_no_data(address):
    assert one_line(load_dataset, address).startswith(f"{address}: is a URL, and hwsim fetches no data but by name")


def test_a_video_larger_than_memory(clip, monkeypatch):
    monkeypatch.setattr("hwsim.files.memory.LITTLE", 0)
    monkeypatch.setenv("HWSIM_MEMORY", str(4 * 3 * 20 * 32))
    assert "4 frames: needs" in one_line(load_video, clip)
    assert len(load_video(clip, frames=3)) == 3
