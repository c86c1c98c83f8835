"""Only the newest computation matters."""

from __future__ import annotations

import threading

from attn_widget.jobs import LatestOnly


def test_a_newer_request_cancels_the_one_before_and_runs():
    errors: list[Exception] = []
    jobs = LatestOnly(errors.append)
    started, log = threading.Event(), []

    def endless(cancel):
        started.set()
        cancel.wait()
        log.append("first was cancelled")
        raise RuntimeError("nobody wants to hear this")

    jobs.submit(endless)
    started.wait()
    jobs.submit(lambda _cancel: log.append("second ran"))
    jobs.wait()
    assert log == ["first was cancelled", "second ran"]
    assert errors == []


def test_of_many_requests_the_last_one_runs():
    errors: list[Exception] = []
    jobs = LatestOnly(errors.append)
    release, ran = threading.Event(), []
    jobs.submit(lambda _cancel: release.wait())
    for i in range(20):
        jobs.submit(lambda _cancel, i=i: ran.append(i))
    release.set()
    jobs.wait()
    assert ran == [19]
    assert errors == []


def test_what_work_raises_is_reported():
    errors: list[Exception] = []
    jobs = LatestOnly(errors.append)
    jobs.submit(lambda _cancel: 1 / 0)
    jobs.wait()
    assert [type(error) for error in errors] == [ZeroDivisionError]
