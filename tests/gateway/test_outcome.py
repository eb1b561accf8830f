import pytest
from landbridge_gateway.depot.layout import JobFolder
from landbridge_gateway.depot.outcome import Facts, decide, remarks
from landbridge_gateway.depot.written import MOST_FILES, Written, written
from landbridge_gateway.model import Cause, Exit, Gone, Limits, State, Usage

RESULT = {"kind": "null"}
ERROR = {"type": "ValueError", "classes": ["ValueError"], "message": "no"}
LIMITS = Limits().as_json()
SHORT = Usage(limit=2 * 1024**3, peak=2 * 1024**3, oom_kills=1)
CALM = Usage(limit=2 * 1024**3, peak=34 * 1024**2)
NO_FORK = {"type": "BlockingIOError", "classes": [], "message": "[Errno 11] Resource temporarily unavailable"}
TOO_LARGE = {"type": "OSError", "classes": ["OSError", "Exception"], "message": "[Errno 27] File too large"}
FULL = Written(bytes=LIMITS["disk"], largest=LIMITS["disk"], files=1)


@pytest.mark.parametrize(
    ("facts", "state", "cause"),
    [
        (Facts(result=RESULT), State.SUCCEEDED, None),
        (Facts(result=RESULT, exit=Exit(137, oom=True)), State.SUCCEEDED, None),
        (Facts(result=RESULT, stop_reason="cancel", exit=Exit(143)), State.SUCCEEDED, None),
        (Facts(error=ERROR), State.FAILED, Cause.ERROR),
        (Facts(stop_reason="cancel", exit=Exit(143)), State.CANCELLED, None),
        (Facts(error=ERROR, stop_reason="timeout", exit=Exit(0), limits=LIMITS), State.FAILED, Cause.TIMEOUT),
        (Facts(exit=Exit(137, oom=True), limits=LIMITS), State.FAILED, Cause.MEMORY),
        (Facts(exit=Exit(137)), State.FAILED, Cause.KILLED),
        (Facts(exit=Exit(1, oom=True)), State.FAILED, Cause.KILLED),
        (Facts(exit=Exit(0)), State.FAILED, Cause.PROTOCOL),
        (Facts(exit=Exit(64)), State.FAILED, Cause.PROTOCOL),
        (Facts(exit=Exit(0), unreadable="result.json is not whole JSON"), State.FAILED, Cause.PROTOCOL),
        (Facts(exit=Exit(None)), State.LOST, None),
        (Facts(exit=Exit(137, usage=SHORT), limits=LIMITS), State.FAILED, Cause.MEMORY),
        # The kernel ended a child, and the job itself by this code: its worker said so.
        (Facts(exit=Exit(137, oom=True, usage=SHORT), left=True, limits=LIMITS), State.FAILED, Cause.KILLED),
        (Facts(exit=Exit(1, usage=SHORT), limits=LIMITS), State.FAILED, Cause.KILLED),
        (Facts(exit=Exit(137, usage=CALM), limits=LIMITS), State.FAILED, Cause.KILLED),
        (Facts(result=RESULT, usage=SHORT, limits=LIMITS), State.SUCCEEDED, None),
        (Facts(exit=Exit(153), limits=LIMITS), State.FAILED, Cause.DISK),
        (Facts(exit=Exit(137), written=Written(2 * LIMITS["disk"], 1, 9), limits=LIMITS), State.FAILED, Cause.DISK),
        (Facts(exit=Exit(137), written=Written(1, 1, MOST_FILES + 1), limits=LIMITS), State.FAILED, Cause.DISK),
        (Facts(error=ERROR, written=FULL, limits=LIMITS), State.FAILED, Cause.DISK),
        (Facts(error=TOO_LARGE, written=Written(5, 5, 1), limits=LIMITS), State.FAILED, Cause.DISK),
        (Facts(error=ERROR, written=Written(5, 5, 1), limits=LIMITS), State.FAILED, Cause.ERROR),
        (Facts(error=NO_FORK, usage=Usage(refused=3), limits=LIMITS), State.FAILED, Cause.PIDS),
        (Facts(error=NO_FORK, usage=CALM, limits=LIMITS), State.FAILED, Cause.ERROR),
        (Facts(error=ERROR, usage=Usage(refused=3), limits=LIMITS), State.FAILED, Cause.ERROR),
        *((Facts(exit=Exit(137, gone=gone), limits=LIMITS), State.LOST, None) for gone in Gone),
        (Facts(result=RESULT, exit=Exit(137, gone=Gone.ENGINE)), State.SUCCEEDED, None),
        (Facts(stop_reason="cancel", exit=Exit(None, gone=Gone.REMOVED)), State.CANCELLED, None),
    ],
)
def test_every_end_has_one_state_and_the_right_cause(facts, state, cause):
    outcome = decide(facts)
    assert (outcome.state, outcome.cause) == (state, cause)


@pytest.mark.parametrize("facts", [Facts(), Facts(stop_reason="cancel"), Facts(error=ERROR, stop_reason="timeout")])
def test_there_is_no_outcome_before_the_end(facts):
    assert decide(facts) is None


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (Facts(exit=Exit(3)), "The job's process ended with exit code 3 before it had a result."),
        (
            Facts(exit=Exit(139)),
            "The job's process was ended by SIGSEGV, or by itself with exit code 139, before it had a result.",
        ),
        (Facts(exit=Exit(137), left=True), "The job's process ended with exit code 137 before it had a result."),
        (Facts(exit=Exit(137, True), limits=LIMITS), "The job needed more memory than its limit of 2,048 MiB."),
        (
            Facts(exit=Exit(137, True, usage=SHORT), limits=LIMITS),
            "The job needed more memory than its limit of 2,048 MiB (peak 2,048 MiB).",
        ),
        (
            Facts(exit=Exit(3, usage=CALM), limits=LIMITS),
            "The job's process ended with exit code 3 before it had a result. Its memory peak was 34 MiB of 2,048 MiB.",
        ),
        (
            Facts(exit=Exit(1, usage=SHORT), limits=LIMITS),
            "The job's process ended with exit code 1 before it had a result. The kernel ended a process of the job"
            " for want of memory (limit 2,048 MiB). Its memory peak was 2,048 MiB of 2,048 MiB.",
        ),
        (
            Facts(exit=Exit(153), limits=LIMITS),
            "The job wrote a file as large as its limit of 10,240 MiB.",
        ),
        (
            Facts(exit=Exit(137), written=Written(2 * LIMITS["disk"], 1, 9), limits=LIMITS),
            "The job wrote 20,480 MiB, and its limit is 10,240 MiB.",
        ),
        (
            Facts(exit=Exit(None, gone=Gone.REMOVED)),
            "The job's container was removed by somebody, and it left no result.",
        ),
        (
            Facts(exit=Exit(137, gone=Gone.ENGINE)),
            "The container engine stopped while the job ran, and ended its container.",
        ),
        (Facts(exit=Exit(255, gone=Gone.MACHINE)), "The machine was started anew while the job ran."),
        (Facts(exit=Exit(0)), "The job ended without a result."),
        (Facts(exit=Exit(0), unreadable="x"), "The job's outcome cannot be read: x."),
        (
            Facts(exit=Exit(143), stop_reason="timeout", limits=LIMITS),
            "The job ran longer than its limit of 3600 s.",
        ),
    ],
)
def test_a_death_is_told_in_a_sentence_with_a_way_out(facts, sentence):
    error = decide(facts).error
    assert error["message"] == sentence
    assert error["hint"]


def test_what_the_kernel_did_to_a_job_that_went_on_is_told():
    counted = Usage(limit=256 * 1024**2, peak=256 * 1024**2, oom_kills=2, refused=1)
    assert remarks(Facts(result=RESULT, usage=counted, limits=Limits(memory=256 * 1024**2, pids=64).as_json())) == [
        "The kernel ended 2 processes of the job for want of memory (limit 256 MiB).",
        "The kernel refused once to start a process: the limit is 64.",
    ]
    assert remarks(Facts(result=RESULT, usage=CALM, limits=LIMITS)) == []


def test_the_last_count_counts():
    """A count that was told when the two halves met again may be from long before the end."""
    early = Usage(limit=SHORT.limit, peak=34 * 1024**2, refused=1)
    assert decide(Facts(exit=Exit(137, usage=SHORT), usage=early, limits=LIMITS)).cause is Cause.MEMORY
    assert Facts(exit=Exit(137), usage=early).counted == early


def test_what_a_job_wrote_is_counted_without_following_its_links(tmp_path):
    folder = JobFolder(tmp_path / "job")
    (folder.files / "deep").mkdir(parents=True)
    (folder.files / "deep" / "a").write_bytes(b"x" * 10_000)
    (folder.out / "stdout.log").write_bytes(b"y" * 500)
    (tmp_path / "elsewhere").write_bytes(b"z" * 1_000_000)
    (folder.files / "link").symlink_to(tmp_path / "elsewhere")
    (folder.files / "loop").symlink_to(folder.out)
    with (folder.files / "holes").open("wb") as sparse:
        sparse.truncate(50_000_000)
    found = written(folder)
    assert 10_500 <= found.bytes < 20_000
    assert (found.largest, found.files) == (50_000_000, 7)
